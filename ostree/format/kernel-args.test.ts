import { describe, expect, test } from '#test/both-engines.ts';
import {
  deleteKernelArg,
  deleteKernelArgIfPresent,
  formatKernelArgs,
  kernelArgValue,
  kernelArgProblem,
  parseKernelArgs,
  replaceKernelArg,
  withoutBootLoaderArgs,
} from '#ostree/format/kernel-args.ts';

describe('parseKernelArgs', () => {
  test.each([
    ['', []],
    ['  a=1   b ', ['a=1', 'b']],
    ['c="x y" d', ['c="x y"', 'd']],
    ['a="x y', ['a="x', 'y']],
    ['x=a"b ostree=/c d="e f"', ['x=a"b', 'ostree=/c', 'd="e', 'f"']],
    ['x=a"b ostree=/c y="', ['x=a"b', 'ostree=/c', 'y="']],
    ['a=b=c', ['a=b=c']],
    ['a\tb\n', ['a', 'b']],
  ])('%j', (text, tokens) => {
    expect(parseKernelArgs(text)).toEqual(tokens);
  });
});

test('a key has its last value', () => {
  const args = parseKernelArgs('console=a quiet console=b');
  expect(kernelArgValue(args, 'console')).toBe('b');
  expect(kernelArgValue(args, 'quiet')).toBe('');
  expect(kernelArgValue(args, 'con')).toBeNull();
});

describe('replaceKernelArg', () => {
  test.each([
    ['a=1 b a=2', 'a=9', 'a=9 b'],
    ['z=1 b=3 a b', 'b', 'z=1 b a'],
    ['a', 'q=9', 'a q=9'],
  ])('%s with %s', (text, token, expected) => {
    expect(formatKernelArgs(replaceKernelArg(parseKernelArgs(text), token))).toBe(expected);
  });
});

describe('deleteKernelArg', () => {
  const args = parseKernelArgs('a=1 b a=2 c=3');
  test.each([
    ['a=2', 'a=1 b c=3'],
    ['b', 'a=1 a=2 c=3'],
    ['c', 'a=1 b a=2'],
  ])('%s', (token, expected) => {
    expect(formatKernelArgs(deleteKernelArg(args, token))).toBe(expected);
  });
  test.each([
    ['a', "Multiple values for key 'a' found"],
    ['x', "No key 'x' found"],
    ['x=1', "No key 'x' found"],
    ['a=3', "No karg 'a=3' found"],
  ])('%s is an error', (token, message) => {
    expect(() => deleteKernelArg(args, token)).toThrow(message);
  });
  test('if present', () => {
    expect(deleteKernelArgIfPresent(args, 'a')).toEqual(['b', 'c=3']);
    expect(deleteKernelArgIfPresent(args, 'a=2')).toEqual(['a=1', 'b', 'c=3']);
    expect(deleteKernelArgIfPresent(args, 'x')).toEqual(args);
  });
});

test('what the boot loader adds is left out', () => {
  expect(withoutBootLoaderArgs(['BOOT_IMAGE=/x', 'a', 'initrd=/y'])).toEqual(['a']);
});

test.each([
  ['x=a"b', 'has a double quote without its other half'],
  ['"', 'has a double quote without its other half'],
  ['a\nb', 'has a line end in it'],
  ['a\r', 'has a line end in it'],
  ['x="a ostree=/b"', "has the word 'ostree=' in it"],
  ['x ostree=/b', "has the word 'ostree=' in it"],
  [' ostree=/b', "has the word 'ostree=' in it"],
])('%j is refused', (token, why) => {
  expect(kernelArgProblem(token)).toContain(why);
});

test.each(['a', 'a="x y"', '"a=x y"', 'a=""', 'ostree.x=1', 'x=ostree=/b'])('%s is not', (token) => {
  expect(kernelArgProblem(token)).toBeNull();
});
