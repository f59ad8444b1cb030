import { parseKargsFile } from '#ostree/format/kargs-file.ts';
import { expect, test } from '#test/both-engines.ts';

test('kargs of every machine, and of some', () => {
  expect(parseKargsFile('kargs = ["console=ttyS0,115200n8", "a b"]\n')).toEqual({
    kargs: ['console=ttyS0,115200n8', 'a b'],
    architectures: null,
  });
  const text = `# why\nmatch-architectures = ["x86_64", 'aarch64']  # two\nkargs = [\n  'x="y"', # one\n  "a=\\"b\\"",\n]`;
  expect(parseKargsFile(text)).toEqual({
    kargs: ['x="y"', 'a="b"'],
    architectures: ['x86_64', 'aarch64'],
  });
  expect(parseKargsFile('kargs=[]').kargs).toEqual([]);
});

test.each([
  ['', "it has no 'kargs'"],
  ['kargs = "a"', "there is no '['"],
  ['kargs = ["a"', "there is no ','"],
  ['kargs = ["a\n"]', 'the string has no end'],
  ['kargs = ["a"] b', 'the line goes on'],
  ['kargs = [1]', 'there is no string'],
  ['kargs = [""]', 'the string is empty'],
  ['kargs = ["\\u0041"]', 'the escape is not known'],
  ['\n\nkarg = ["a"]', "line 3: the key 'karg' is not one of"],
  ['kargs = []\nkargs = []', "line 2: the key 'kargs' is not one of"],
  ['[kargs]', 'there is no key'],
  ['kargs = ["con=\\"x", "quiet"]', `the kernel argument 'con="x' has a double quote without its other half`],
])('%j is refused', (text, message) => {
  expect(() => parseKargsFile(text)).toThrow(message);
});
