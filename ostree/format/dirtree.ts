import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { DirtreeList, encodeElement, joinDirtree } from '#ostree/format/dirtree-list.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parse } from '#ostree/format/gvariant.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';

const DIRTREE_TYPE = '(a(say)a(sayay))';

export interface DirtreeFile {
  readonly name: string;
  readonly checksum: Checksum;
}
export interface DirtreeDir {
  readonly name: string;
  /** Checksum of the dirtree. */
  readonly contents: Checksum;
  /** Checksum of the dirmeta. */
  readonly meta: Checksum;
}
/** A directory's contents; both lists sorted bytewise by name. */
export interface Dirtree {
  readonly files: readonly DirtreeFile[];
  readonly dirs: readonly DirtreeDir[];
}

/** The dirtree object, `(a(say)a(sayay))`; sorts both lists. */
export function encodeDirtree(tree: Dirtree): Uint8Array {
  const files = new DirtreeList();
  const dirs = new DirtreeList();
  for (const { name, checksum } of [...tree.files].sort(byName)) files.add(encodeElement(name, [checksum]));
  for (const { name, contents, meta } of [...tree.dirs].sort(byName))
    dirs.add(encodeElement(name, [contents, meta]));
  return joinDirtree(files, dirs);
}

/** @throws UserError BAD_GVARIANT or BAD_OBJECT (a name that is empty, '.', '..', holds a '/', or occurs twice) */
export function decodeDirtree(bytes: Uint8Array): Dirtree {
  const [files, dirs] = parse(DIRTREE_TYPE, bytes) as unknown as [
    [string, Uint8Array][],
    [string, Uint8Array, Uint8Array][],
  ];
  const tree = {
    files: files.map(([name, checksum]) => ({
      name: checkedName(name),
      checksum: checksumFromBytes(checksum),
    })),
    dirs: dirs.map(([name, contents, meta]) => ({
      name: checkedName(name),
      contents: checksumFromBytes(contents),
      meta: checksumFromBytes(meta),
    })),
  };
  refuseDuplicates(tree);
  return tree;
}

/** @throws UserError BAD_OBJECT where `name` cannot be one component of a path */
export function checkedName(name: string): string {
  if (name.includes('/'))
    throw new UserError('BAD_OBJECT', `Invalid / in filename ${name}: it cannot be a file's name in a tree`);
  if (name === '' || name === '.' || name === '..' || name.includes('\0'))
    throw new UserError('BAD_OBJECT', `'${name}' cannot be a file's name in a tree`);
  return name;
}

function refuseDuplicates(tree: Dirtree): void {
  const seen = new Set<string>();
  for (const { name } of [...tree.files, ...tree.dirs]) {
    if (seen.has(name)) throw new UserError('BAD_OBJECT', `a dirtree object has the name '${name}' twice`);
    seen.add(name);
  }
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareBytewise(a.name, b.name);
}
