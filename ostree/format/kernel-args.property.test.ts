import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import {
  appendMissingKernelArgs,
  formatKernelArgs,
  kernelArgProblem,
  kernelArgKey,
  kernelArgValue,
  parseKernelArgs,
  replaceKernelArg,
} from '#ostree/format/kernel-args.ts';

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

test('an entry with any arguments that are accepted names its deployment, with quotes and without', () => {
  const piece = fc.constantFrom('"', ' ', '\t', '=', 'a', 'ostree=', 'ostree', '/b', '\n', "'", '\\');
  const accepted = fc
    .array(piece, { maxLength: 8 })
    .map((pieces) => pieces.join(''))
    .filter((one) => kernelArgProblem(one) === null);
  const link = '/ostree/boot.1/os/c/0';
  fc.assert(
    fc.property(fc.array(accepted, { maxLength: 4 }), (args) => {
      const text = formatKernelArgs(replaceKernelArg(args, `ostree=${link}`));
      expect(kernelArgValue(parseKernelArgs(text), 'ostree')).toBe(link);
      const words = text
        .split(' ')
        .flatMap((part) => part.split('\t'))
        .filter((word) => word.startsWith('ostree='));
      expect(words).toEqual([`ostree=${link}`]);
    }),
  );
});

test('an entry names its deployment whatever stands before and after', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const args = parseKernelArgs(`${before} ostree=/x ${after}`);
      expect(args.some((one) => one === 'ostree=/x')).toBe(true);
    }),
  );
});
