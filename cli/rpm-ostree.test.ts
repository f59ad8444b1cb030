import { expect, test } from 'vitest';
import { translated } from '#cli/rpm-ostree.ts';

test.each([
  [['install', 'gdb', '-r', '--stateroot', 'os'], ['install', 'gdb', '--os', 'os'], true],
  [['rebase', '--stateroot=os', '--skip-purge', 'r:x', '--reboot'], ['rebase', '--os=os', 'r:x'], true],
  [['apply-live', '--allow-replacement'], ['apply-live', '--allow-replacement'], false],
  [['upgrade', '--allow-replacement'], ['upgrade'], false],
  [['cleanup', '-r', '-m'], ['cleanup', '-r', '-m'], false],
  [['status', '--json', '--peer'], ['status', '--json'], false],
  [['--sysroot', '/x', 'ex', 'history', '-v'], ['history', '--sysroot', '/x', '-v'], false],
  [['db', 'diff', '-A'], ['db', 'diff', '-A'], false],
])('%j', (argv, words, reboot) => {
  expect(translated(argv)).toEqual({ program: 'yum-ostree', words, reboot });
});

test('usroverlay is a verb of ostree', () => {
  const words = ['admin', 'unlock', '--sysroot=/x', '--hotfix'];
  expect(translated(['--sysroot=/x', 'usroverlay', '--hotfix'])).toEqual({
    ...{ program: 'ostree', words, reboot: false },
  });
});

test.each([
  [['install', '--lock-finalization', 'gdb'], /there is no --lock-finalization here/],
  [['cancel'], /cancel is not done by this program/],
  [['ex', 'rebuild'], /ex is not done by this program/],
  [['status', '--jsonpath=$.x'], /there is no --jsonpath=\$\.x here/],
])('%j is refused', (argv, message) => {
  expect(() => translated(argv)).toThrow(message);
});
