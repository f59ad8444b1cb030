import { expect, test } from 'vitest';
import { translated } from '#cli/rpm-ostree.ts';

test.each([
  [['install', 'gdb', '-r', '--stateroot', 'os'], ['install', 'gdb', '--os', 'os'], true],
  [['rebase', '--stateroot=os', '--skip-purge', 'r:x', '--reboot'], ['rebase', '--os=os', 'r:x'], true],
  [['apply-live', '--allow-replacement'], ['apply-live', '--allow-replacement'], false],
  [['upgrade', '--allow-replacement'], ['upgrade'], false],
  [['cleanup', '-r', '-m'], ['cleanup', '-r', '-m'], false],
  [['status', '--json', '--peer'], ['status', '--json'], false],
])('%j', (argv, words, reboot) => {
  expect(translated(argv)).toEqual({ words, reboot });
});

test.each([
  [['install', '--lock-finalization', 'gdb'], /there is no --lock-finalization here/],
  [['usroverlay'], /usroverlay is not done by this program/],
  [['status', '--jsonpath=$.x'], /there is no --jsonpath=\$\.x here/],
])('%j is refused', (argv, message) => {
  expect(() => translated(argv)).toThrow(message);
});
