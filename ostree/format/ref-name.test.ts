import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksumBytes, checksumFromBytes, isChecksum, parseChecksum } from '#ostree/format/checksum.ts';
import { formatRefspec, isRefName, parseRefspec } from '#ostree/format/ref-name.ts';

test.each(['a', 'fedostree/20/x86_64/base/minimal', 'ostree/0/1/0', '_x', 'a-b.c_d/0', 'A/B'])(
  '%s is a ref',
  (text) => {
    expect(isRefName(text)).toBe(true);
  },
);

test.each([
  '',
  '/',
  'a/',
  '/a',
  'a//b',
  '.',
  '..',
  'a/../b',
  'a/.b',
  '-a',
  'a/-b',
  'a b',
  'a+b',
  '@x',
  'ä',
  'a\0',
  'a\n',
  'x'.repeat(256),
  'a/'.repeat(3000) + 'a',
])("'%s' is not", (text) => {
  expect(isRefName(text)).toBe(false);
  expect(() => parseRefspec(text)).toThrow(expect.objectContaining({ code: 'BAD_REF_NAME' }));
});

test('it is what the regular expression of ostree takes', () => {
  const pattern = /^[A-Za-z0-9_][-._A-Za-z0-9]*(\/[A-Za-z0-9_][-._A-Za-z0-9]*)*$/;
  const piece = fc.constantFrom('a', 'B', '0', '_', '-', '.', '/', ' ', '+', ':');
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 10 }),
      (pieces) => isRefName(pieces.join('')) === pattern.test(pieces.join('')),
    ),
    { numRuns: 2000 },
  );
});

test('a refspec is read and written', () => {
  expect(parseRefspec('origin:a/b')).toEqual({ remote: 'origin', ref: 'a/b' });
  expect(parseRefspec('a/b')).toEqual({ remote: null, ref: 'a/b' });
  for (const text of ['origin:a/b', 'a/b']) expect(formatRefspec(parseRefspec(text))).toBe(text);
  for (const text of [':a', 'o/p:a', 'origin:', 'a:b:c', '../x:a'])
    expect(() => parseRefspec(text)).toThrow(expect.objectContaining({ code: 'BAD_REF_NAME' }));
});

test('checksums are 64 lower-case hex digits and 32 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const text = checksumFromBytes(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('hex'));
      expect(checksumBytes(parseChecksum(text))).toEqual(bytes);
    }),
  );
  for (const text of ['', 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), 'g'.repeat(64)])
    expect(isChecksum(text)).toBe(false);
  expect(() => parseChecksum('x')).toThrow(expect.objectContaining({ code: 'BAD_CHECKSUM' }));
  expect(() => checksumFromBytes(new Uint8Array(31))).toThrow(
    expect.objectContaining({ code: 'BAD_CHECKSUM' }),
  );
});
