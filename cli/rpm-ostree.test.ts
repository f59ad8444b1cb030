import { expect, test } from 'vitest';
import { translated } from '#cli/rpm-ostree.ts';

test.each([
  [['install', 'gdb', '-r', '--stateroot', 'os'], ['install', 'gdb', '--os', 'os'], true],
  [['rebase', '--stateroot=os', '--skip-purge', 'r:x', '--reboot'], ['rebase', '--os=os', 'r:x'], true],
  [['cleanup', '-r', '-m'], ['cleanup', '-r', '-m'], false],
  [['status', '--json', '--peer'], ['status', '--json'], false],
])('%j', (argv, words, reboot) => {
  expect(translated(argv)).toEqual({ words, reboot });
});

test.each([
  [['install', '-A', 'gdb'], /there is no -A here/],
  [['usroverlay'], /usroverlay is not done by this program/],
  [['status', '--jsonpath=$.x'], /there is no --jsonpath=\$\.x here/],
])('%j is refused', (argv, message) => {
  expect(() => translated(argv)).toThrow(message);
});
