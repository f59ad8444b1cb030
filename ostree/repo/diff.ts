import type { Checksum } from '#ostree/format/checksum.ts';
import type { Dirtree } from '#ostree/format/dirtree.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import type { TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadDirtree } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** Absolute paths in the tree, each list sorted. A directory that came is named with all below it, one that went alone. */
export interface TreeDiff {
  readonly modified: readonly string[];
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

interface Lists {
  readonly modified: string[];
  readonly removed: string[];
  readonly added: string[];
}

type Entry =
  { readonly kind: 'file'; readonly checksum: Checksum } | ({ readonly kind: 'directory' } & TreeChecksums);

const EMPTY: Dirtree = { files: [], dirs: [] };

/** What lies otherwise in `to` than in `from`. Subtrees with equal checksums are not read. */
export function diffTrees(repo: Repo, from: TreeChecksums, to: TreeChecksums): TreeDiff {
  const lists: Lists = { modified: [], removed: [], added: [] };
  diffDirectory(repo, { path: '', from, to }, lists);
  for (const list of Object.values(lists) as string[][]) list.sort(compareBytewise);
  return lists;
}

function diffDirectory(
  repo: Repo,
  at: { readonly path: string; readonly from: TreeChecksums | null; readonly to: TreeChecksums | null },
  lists: Lists,
): void {
  if (at.from !== null && at.to !== null && at.from.contents === at.to.contents) return;
  const before = entriesOf(at.from === null ? EMPTY : loadDirtree(repo, at.from.contents));
  const after = entriesOf(at.to === null ? EMPTY : loadDirtree(repo, at.to.contents));
  for (const name of new Set([...before.keys(), ...after.keys()]))
    diffEntry(repo, { path: `${at.path}/${name}`, from: before.get(name), to: after.get(name) }, lists);
}

function diffEntry(
  repo: Repo,
  at: { readonly path: string; readonly from: Entry | undefined; readonly to: Entry | undefined },
  lists: Lists,
): void {
  const { path, from, to } = at;
  if (from === undefined) lists.added.push(path);
  else if (to === undefined) lists.removed.push(path);
  else if (isChanged(from, to)) lists.modified.push(path);
  // A directory that went, or became a file or the other way, is named alone.
  if (to?.kind === 'directory' && from?.kind !== 'file')
    diffDirectory(repo, { path, from: directoryOf(from), to }, lists);
}

function isChanged(from: Entry, to: Entry): boolean {
  if (from.kind === 'directory') return to.kind !== 'directory' || from.meta !== to.meta;
  return to.kind !== 'file' || from.checksum !== to.checksum;
}

function directoryOf(entry: Entry | undefined): TreeChecksums | null {
  return entry?.kind === 'directory' ? entry : null;
}

function entriesOf(tree: Dirtree): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { name, checksum } of tree.files) entries.set(name, { kind: 'file', checksum });
  for (const { name, contents, meta } of tree.dirs) entries.set(name, { kind: 'directory', contents, meta });
  return entries;
}
