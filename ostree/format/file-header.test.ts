import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDirmeta, decodeOwnedMeta, encodeDirmeta, encodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  archiveHeader,
  archiveHeaderLength,
  contentHashPrefix,
  decodeArchiveHeader,
  type ContentMeta,
} from '#ostree/format/file-header.ts';

const sha256 = (...parts: (Uint8Array | string)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

const xattrs = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' }),
      fc.uint8Array({ maxLength: 300 }),
    ),
    { selector: ([name]) => name, maxLength: 5 },
  )
  .map((entries) =>
    entries
      .map(([name, value]) => ({ name: `user.${name}`, value }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
const number = fc.nat(0xffffffff);
const meta = fc.record({
  uid: number,
  gid: number,
  mode: number,
  xattrs,
  target: fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
});

// The checksums are those of objects that ostree 2022.7 made.
describe('checksums that ostree gives', () => {
  test('a file of root with mode 0644 and the content k', () => {
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o100644, xattrs: [], target: '' });
    expect(sha256(prefix, 'k\n')).toBe('6a3e5910366483f3fde44760efedd8f26f70e831cc7d3dc3e6eb315a1920581a');
  });

  test('a symlink', () => {
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o120777, xattrs: [], target: 'target' });
    expect(sha256(prefix)).toBe('a6b40a5400ed082fbe067d2c8397aab54046a089768651c392a36db46d24c1cd');
  });

  test('a set-uid file with an attribute', () => {
    const attribute = { name: 'user.foo', value: Buffer.from('bar') };
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o104755, xattrs: [attribute], target: '' });
    expect(sha256(prefix, 'hi\n')).toBe('6fbc10f876fc896273075a18582aa70e933c6eba768a51c6c8931fd7362963c0');
  });

  test('a directory of 5:6', () => {
    expect(sha256(encodeDirmeta({ uid: 5, gid: 6, mode: 0o40755, xattrs: [] }))).toBe(
      '3b841db9e29b0f0edce6f7a5828a1660bf4c35ce55dfc0410056e3bd433a4952',
    );
  });
});

test('attributes are hashed in the order of their names', () => {
  const [a, b] = [
    { name: 'user.a', value: Uint8Array.of(1) },
    { name: 'user.b', value: Uint8Array.of(2) },
  ];
  const base = { uid: 0, gid: 0, mode: 0o100644, target: '' };
  expect(contentHashPrefix({ ...base, xattrs: [b, a] })).toEqual(
    contentHashPrefix({ ...base, xattrs: [a, b] }),
  );
});

test('an archive header is read as it was written, with what follows it', () => {
  fc.assert(
    fc.property(meta, fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.uint8Array(), (written, size, rest) => {
      const header = archiveHeader(written, size);
      expect(archiveHeaderLength(header) + 8).toBe(header.length);
      const read = decodeArchiveHeader(Uint8Array.of(...header, ...rest));
      expect(read).toEqual({ meta: written, size, headerSize: header.length });
    }),
  );
});

test('any bytes are a header or refused', () => {
  const some: ContentMeta = { uid: 1, gid: 2, mode: 0o100644, xattrs: [], target: '' };
  const header = archiveHeader(some, 5);
  fc.assert(
    fc.property(fc.nat(header.length), fc.nat(), fc.nat(255), (length, at, byte) => {
      const bytes = header.slice(0, length);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      try {
        decodeArchiveHeader(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('user.ostreemeta is read as it was written', () => {
  fc.assert(
    fc.property(meta, ({ target: _, ...owned }) => {
      expect(decodeOwnedMeta(encodeOwnedMeta(owned))).toEqual(owned);
    }),
  );
});

test('a dirmeta that is no directory’s is refused', () => {
  const file = encodeOwnedMeta({ uid: 0, gid: 0, mode: 0o100644, xattrs: [] });
  expect(() => decodeDirmeta(file)).toThrow('not a directory’s'.replace('’', "'"));
});
