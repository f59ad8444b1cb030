import { expect, sha256, test } from '#test/both-engines.ts';
import { checksumFromBytes, parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { decodeDirtree, encodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { serialize } from '#ostree/format/gvariant.ts';
import { utf8Text } from '#ostree/format/utf8.ts';

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
  expect(() => scanned(bytes)).toThrow(expect.objectContaining({ code: 'BAD_OBJECT' }));
});

test('a name that occurs twice is refused', () => {
  const file = ['x', new Uint8Array(32)];
  const dir = ['x', new Uint8Array(32), new Uint8Array(32)];
  expect(() => decodeDirtree(serialize('(a(say)a(sayay))', [[file, file], []]))).toThrow(
    "the name 'x' twice",
  );
  expect(() => decodeDirtree(serialize('(a(say)a(sayay))', [[file], [dir]]))).toThrow("the name 'x' twice");
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
