import { withTreeKernelArgs } from '#ostree/sysroot/tree-kargs.ts';
import { expect, test } from '#test/both-engines.ts';

test.each([
  ['the first tree', ['root=x'], [], ['a=1', 'quiet'], ['root=x', 'a=1', 'quiet']],
  [
    'one more, one gone',
    ['root=x', 'a=1', 'quiet', 'own'],
    ['a=1', 'quiet'],
    ['a=1', 'b=2'],
    ['root=x', 'a=1', 'own', 'b=2'],
  ],
  ['another value', ['a=1', 'a=own'], ['a=1'], ['a=2'], ['a=own', 'a=2']],
  ['deleted by hand', ['root=x'], ['a=1'], ['a=1'], ['root=x']],
  ['there already', ['root=x', 'b=2'], [], ['b=2'], ['root=x', 'b=2']],
  ['a flag is not a value', ['quiet=1', 'quiet'], ['quiet'], [], ['quiet=1']],
])('%s', (_name, args, before, after, expected) => {
  expect(withTreeKernelArgs(args, before, after)).toEqual(expected);
});
