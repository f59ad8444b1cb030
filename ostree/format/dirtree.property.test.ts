import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { decodeDirtree, encodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Text } from '#ostree/format/utf8.ts';

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
      expect(scanned(bytes)).toEqual(read);
    }),
  );
});

test('the scan refuses or agrees with the decoder on damaged objects', () => {
  fc.assert(
    fc.property(dirtree, fc.nat(), fc.nat(255), fc.nat(8), (tree, at, byte, cut) => {
      const whole = encodeDirtree(tree);
      const bytes = whole.slice(0, Math.max(0, whole.length - (cut > 4 ? 0 : cut)));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      const [decoded, seen] = [attempt(() => decodeDirtree(bytes)), attempt(() => scanned(bytes))];
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
      attempt(() => scanned(bytes));
    }),
    { numRuns: 3000 },
  );
});

function scanned(bytes: Uint8Array): Dirtree {
  const files: { name: string; checksum: Checksum }[] = [];
  const dirs: { name: string; contents: Checksum; meta: Checksum }[] = [];
  scanDirtree(bytes, {
    file: (text, one) => files.push({ name: utf8Text(text) ?? '?', checksum: checksumFromBytes(one) }),
    directory: (text, contents, meta) =>
      dirs.push({
        name: utf8Text(text) ?? '?',
        contents: checksumFromBytes(contents),
        meta: checksumFromBytes(meta),
      }),
  });
  return { files, dirs };
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return null;
  }
}
