import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { checksumFromBytes } from '#ostree/format/checksum.ts';
import { decodeCommit, encodeCommit } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Variant } from '#ostree/format/gvariant.ts';

const checksum = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(checksumFromBytes);
const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
const variant: fc.Arbitrary<Variant> = fc.oneof(
  text.map((value) => ({ type: 's', value })),
  fc.array(text, { maxLength: 4 }).map((value) => ({ type: 'as', value })),
  fc.boolean().map((value) => ({ type: 'b', value })),
  fc.bigInt(0n, 2n ** 64n - 1n).map((value) => ({ type: 't', value })),
);
const commit = fc.record({
  metadata: fc.array(fc.tuple(text, variant), { maxLength: 6 }),
  parent: fc.option(checksum),
  subject: text,
  body: text,
  timestamp: fc.nat({ max: 0xffffffffffff }),
  rootContents: checksum,
  rootMeta: checksum,
});

test('a commit is read as it was written', () => {
  fc.assert(
    fc.property(commit, (written) => {
      expect(decodeCommit(encodeCommit(written))).toEqual(written);
    }),
  );
});

test('a damaged commit is read or refused with a code', () => {
  fc.assert(
    fc.property(commit, fc.nat(), fc.nat(255), (written, at, byte) => {
      const bytes = encodeCommit(written);
      bytes[at % bytes.length] = byte;
      try {
        decodeCommit(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
    { numRuns: 1000 },
  );
});
