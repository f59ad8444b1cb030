import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appendMissingKernelArgs,
  deleteKernelArg,
  deleteKernelArgIfPresent,
  formatKernelArgs,
  kernelArgKey,
  kernelArgValue,
  parseKernelArgs,
  replaceKernelArg,
  withoutBootLoaderArgs,
} from '#ostree/format/kernel-args.ts';

describe('parseKernelArgs', () => {
  test.each([
    ['', []],
    ['  a=1   b ', ['a=1', 'b']],
    ['c="x y" d', ['c="x y"', 'd']],
    ['a="x y', ['a="x y']],
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

const token = fc
  .tuple(fc.stringMatching(/^[a-z._-]{1,6}$/), fc.option(fc.stringMatching(/^[a-z0-9=]{0,4}$/)))
  .map(([key, value]) => (value === null ? key : `${key}=${value}`));

test('any tokens come back from their text', () => {
  fc.assert(
    fc.property(fc.array(token), (args) => {
      expect(parseKernelArgs(formatKernelArgs(args))).toEqual(args);
    }),
  );
});

test('any text has a text that parses to the same', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const args = parseKernelArgs(text);
      const quotes = [...text].filter((c) => c === '"').length;
      if (quotes % 2 === 0) expect(parseKernelArgs(formatKernelArgs(args))).toEqual(args);
    }),
  );
});

test('after a replacement the key is there once, and the other keys are untouched', () => {
  fc.assert(
    fc.property(fc.array(token), token, (args, fresh) => {
      const replaced = replaceKernelArg(args, fresh);
      const isOther = (one: string): boolean => kernelArgKey(one) !== kernelArgKey(fresh);
      expect(replaced.filter((one) => !isOther(one))).toEqual([fresh]);
      expect(replaced.filter(isOther)).toEqual(args.filter(isOther));
    }),
  );
});

test('adding what is missing twice is adding it once', () => {
  fc.assert(
    fc.property(fc.array(token), fc.array(token), (args, added) => {
      const once = appendMissingKernelArgs(args, added);
      expect(appendMissingKernelArgs(once, added)).toEqual(once);
    }),
  );
});
