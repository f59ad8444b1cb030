import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { checksumFromBytes } from '#ostree/format/checksum.ts';
import { decodeDirtree, encodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { UserError } from '#ostree/format/errors.ts';
import { scannedDirtree } from '#test/fixtures/scanned-dirtree.ts';

const checksum = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(checksumFromBytes);
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
  .map((text) => text.replaceAll(/[/\0]/g, '_'))
  .filter((text) => text !== '.' && text !== '..');
const dirtree: fc.Arbitrary<Dirtree> = fc
  .uniqueArray(fc.tuple(name, checksum, fc.option(checksum)), { selector: ([text]) => text, maxLength: 60 })
  .map((entries) => ({
    files: entries.flatMap(([text, first, second]) =>
      second === null ? [{ name: text, checksum: first }] : [],
    ),
    dirs: entries.flatMap(([text, first, second]) =>
      second === null ? [] : [{ name: text, contents: first, meta: second }],
    ),
  }));

test('what was written is read again, and the scan in place sees the same', () => {
  fc.assert(
    fc.property(dirtree, (tree) => {
      const bytes = encodeDirtree(tree);
      const read = decodeDirtree(bytes);
      expect(encodeDirtree(read)).toEqual(bytes);
      expect(scannedDirtree(bytes)).toEqual(read);
    }),
  );
});

test('the scan refuses or agrees with the decoder on damaged objects', () => {
  fc.assert(
    fc.property(dirtree, fc.nat(), fc.nat(255), fc.nat(8), (tree, at, byte, cut) => {
      const whole = encodeDirtree(tree);
      const bytes = whole.slice(0, Math.max(0, whole.length - (cut > 4 ? 0 : cut)));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      const [decoded, seen] = [attempt(() => decodeDirtree(bytes)), attempt(() => scannedDirtree(bytes))];
      // The scan does not look for names that occur twice or are no UTF-8; all that the decoder takes it must take too.
      if (decoded !== null) expect(seen).toEqual(decoded);
    }),
    { numRuns: 2000 },
  );
});

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 150 }), (bytes) => {
      attempt(() => decodeDirtree(bytes));
      attempt(() => scannedDirtree(bytes));
    }),
    { numRuns: 3000 },
  );
});

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return null;
  }
}
