import { expect, sha256, test } from '#test/both-engines.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { decodeDirtree, encodeDirtree } from '#ostree/format/dirtree.ts';
import { serialize } from '#ostree/format/gvariant.ts';
import { scannedDirtree } from '#test/fixtures/scanned-dirtree.ts';

const A = parseChecksum('a'.repeat(64));

test('the empty directory is one byte, with the checksum that every repository knows', () => {
  const bytes = encodeDirtree({ files: [], dirs: [] });
  expect(bytes).toEqual(Uint8Array.of(0));
  expect(sha256(bytes)).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
});

test('names are sorted by their bytes', () => {
  const names = ['b', 'a', 'B', '-', '\u{1f427}', '\ufffd', 'ä', 'aa'];
  const tree = encodeDirtree({ files: names.map((one) => ({ name: one, checksum: A })), dirs: [] });
  const byBytes = ['-', 'B', 'a', 'aa', 'b', 'ä', '\ufffd', '\u{1f427}'];
  expect(decodeDirtree(tree).files.map((file) => file.name)).toEqual(byBytes);
});

test.each(['', '.', '..', 'a/b', '/'])("a file named '%s' is refused", (bad) => {
  const bytes = serialize('(a(say)a(sayay))', [[[bad, new Uint8Array(32)]], []]);
  expect(() => decodeDirtree(bytes)).toThrow(expect.objectContaining({ code: 'BAD_OBJECT' }));
  expect(() => scannedDirtree(bytes)).toThrow(expect.objectContaining({ code: 'BAD_OBJECT' }));
});

test('a name that occurs twice is refused', () => {
  const file = ['x', new Uint8Array(32)];
  const dir = ['x', new Uint8Array(32), new Uint8Array(32)];
  expect(() => decodeDirtree(serialize('(a(say)a(sayay))', [[file, file], []]))).toThrow(
    "the name 'x' twice",
  );
  expect(() => decodeDirtree(serialize('(a(say)a(sayay))', [[file], [dir]]))).toThrow("the name 'x' twice");
});
