import { expect, test } from 'vitest';
import { verbFirst } from '#cli/ostree-verb-first.ts';

test.each([
  ['--repo=r --print-metadata-key=k show REV', '--repo=r show --print-metadata-key=k REV'],
  ['--repo r --raw show REV', '--repo r show --raw REV'],
  ['-v admin --sysroot=s status', '-v admin --sysroot=s status'],
  ['show --raw REV', 'show --raw REV'],
  ['--version', '--version'],
  ['--repo', '--repo'],
  ['--unknown', '--unknown'],
])('%s', (given, expected) => {
  expect(verbFirst(given.split(' ')).join(' ')).toBe(expected);
});
