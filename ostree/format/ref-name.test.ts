import { expect, test } from '#test/both-engines.ts';
import { checksumFromBytes, isChecksum, parseChecksum } from '#ostree/format/checksum.ts';
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

test('a refspec is read and written', () => {
  expect(parseRefspec('origin:a/b')).toEqual({ remote: 'origin', ref: 'a/b' });
  expect(parseRefspec('a/b')).toEqual({ remote: null, ref: 'a/b' });
  for (const text of ['origin:a/b', 'a/b']) expect(formatRefspec(parseRefspec(text))).toBe(text);
  for (const text of [':a', 'o/p:a', 'origin:', 'a:b:c', '../x:a'])
    expect(() => parseRefspec(text)).toThrow(expect.objectContaining({ code: 'BAD_REF_NAME' }));
});

test('what is no checksum', () => {
  expect(checksumFromBytes(Uint8Array.from({ length: 32 }, (_, i) => 8 * i + 7))).toBe(
    '070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff',
  );
  for (const text of ['', 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), 'g'.repeat(64)])
    expect(isChecksum(text)).toBe(false);
  expect(() => parseChecksum('x')).toThrow(expect.objectContaining({ code: 'BAD_CHECKSUM' }));
  expect(() => checksumFromBytes(new Uint8Array(31))).toThrow(
    expect.objectContaining({ code: 'BAD_CHECKSUM' }),
  );
});
