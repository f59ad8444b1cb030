import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { decodeOwnedMeta, encodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  archiveHeader,
  archiveHeaderLength,
  decodeArchiveHeader,
  type ContentMeta,
} from '#ostree/format/file-header.ts';

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
