import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { DirtreeView } from '#ostree/format/dirtree-view.ts';
import { decodeDirtree, encodeDirtree } from '#ostree/format/dirtree.ts';

const sys = loadSyscalls();
const checksum = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(checksumFromBytes);
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'usr', 'é', '\u{1F600}', '\uFF5E', 'n'.repeat(220)),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .map((text) => text.replaceAll(/[/\0]/g, '_'))
    .filter((text) => text !== '.' && text !== '..'),
);
const files = fc.dictionary(name, checksum, { maxKeys: 40 });
const dirs = fc.dictionary(name, fc.record({ contents: checksum, meta: checksum }), { maxKeys: 40 });

interface Lists<F, D> {
  readonly files: Map<string, F>;
  readonly dirs: Map<string, D>;
}

/** Names that are in both are files only. */
function lists<F, D>(f: Record<string, F>, d: Record<string, D>): Lists<F, D> {
  const only = Object.entries(d).filter(([key]) => !Object.hasOwn(f, key));
  return { files: new Map(Object.entries(f)), dirs: new Map(only) };
}

type Pair = { readonly contents: Checksum; readonly meta: Checksum };

function encoded(tree: Lists<Checksum, Pair>): Uint8Array {
  return encodeDirtree({
    files: [...tree.files].map(([key, value]) => ({ name: key, checksum: value })),
    dirs: [...tree.dirs].map(([key, value]) => ({ name: key, ...value })),
  });
}

function view(bytes: Uint8Array): DirtreeView {
  const index = sys.indexDirtree(bytes);
  if (index === null) throw new Error('refused');
  return new DirtreeView(bytes, index);
}

test('a view finds what was encoded, and nothing else', () => {
  fc.assert(
    fc.property(files, dirs, name, (f, d, other) => {
      const tree = lists(f, d);
      const seen = view(encoded(tree));
      for (const [key, value] of tree.files) expect(seen.file(key)).toBe(value);
      for (const [key, value] of tree.dirs) expect(seen.directory(key)).toEqual(value);
      expect(seen.file(other)).toBe(tree.files.get(other) ?? null);
      expect(seen.directory(other)).toEqual(tree.dirs.get(other) ?? null);
      expect(new Set(seen.files().map((file) => file.name))).toEqual(new Set(tree.files.keys()));
      expect(new Set(seen.directoryNames())).toEqual(new Set(tree.dirs.keys()));
    }),
  );
});

test('edits give the bytes that encoding the edited lists gives', () => {
  const edit = fc.option(checksum);
  const dirEdit = fc.option(fc.record({ contents: checksum, meta: checksum }));
  fc.assert(
    fc.property(
      files,
      dirs,
      fc.dictionary(name, edit, { maxKeys: 10 }),
      fc.dictionary(name, dirEdit, { maxKeys: 10 }),
      (f, d, fileEdits, dirEdits) => {
        const tree = lists(f, d);
        const edits = lists(fileEdits, dirEdits);
        const wanted = { files: new Map(tree.files), dirs: new Map(tree.dirs) };
        apply(wanted.files, edits.files);
        apply(wanted.dirs, edits.dirs);
        expect(view(encoded(tree)).edited(edits)).toEqual(encoded(wanted));
      },
    ),
  );
});

function apply<T>(all: Map<string, T>, edits: ReadonlyMap<string, T | null>): void {
  for (const [key, value] of edits) {
    if (value === null) all.delete(key);
    else all.set(key, value);
  }
}

test('a list of more than 64 KiB, whose offsets have four bytes, is edited right', () => {
  const sum = checksumFromBytes(new Uint8Array(32).fill(7));
  const many = new Map(Array.from({ length: 3000 }, (_, i) => [`file-${i}`, sum] as const));
  const tree = { files: many, dirs: new Map<string, Pair>() };
  const edited = view(encoded(tree)).edited({ files: new Map([['file-15a', sum]]), dirs: new Map() });
  expect(edited).toEqual(encoded({ ...tree, files: new Map([...many, ['file-15a', sum]]) }));
});

test('the index refuses what the decoder refuses', () => {
  fc.assert(
    fc.property(files, dirs, fc.nat(), fc.nat(255), fc.nat(8), (f, d, at, byte, cut) => {
      const whole = encoded(lists(f, d));
      const bytes = whole.slice(0, Math.max(0, whole.length - (cut > 4 ? 0 : cut)));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      const index = sys.indexDirtree(bytes);
      if (index === null) return;
      // What it takes is what the decoder reads, and in the order in which it is written.
      expect(encodeDirtree(decodeDirtree(bytes))).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});
