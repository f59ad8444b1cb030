import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { checksumBytes, checksumFromBytes, isChecksum, parseChecksum } from '#ostree/format/checksum.ts';
import { isRefName } from '#ostree/format/ref-name.ts';

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

test('checksums are 64 lower-case hex digits and 32 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const text = checksumFromBytes(bytes);
      expect(isChecksum(text)).toBe(true);
      expect(checksumBytes(parseChecksum(text))).toEqual(bytes);
    }),
  );
});
