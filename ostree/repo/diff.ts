import { S, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { encodeDirmeta } from '#ostree/format/dirmeta.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { contentHashPrefix } from '#ostree/format/file-header.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { checksumOfFile, type FileAsObject } from '#ostree/repo/compare-file.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadDirmeta, loadDirtree } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { fileXattrs } from '#ostree/repo/xattrs.ts';

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

/** One side of a comparison: a directory of a commit, or of the file system. */
export interface DiffTree {
  /** Of the directory's own metadata. */
  readonly meta: Checksum;
  /** Two trees of one identity hold the same; null where that takes reading. */
  readonly identity: string | null;
  entries(): Map<string, DiffEntry>;
}

/** `checksum` is null for what a tree cannot hold (a device, a socket). */
type DiffEntry =
  | { readonly kind: 'file'; readonly checksum: Checksum | null }
  | { readonly kind: 'directory'; readonly tree: DiffTree };

/** What lies otherwise in `to` than in `from`. Subtrees of one identity are not read. */
export function diffTrees(from: DiffTree, to: DiffTree): TreeDiff {
  const lists: Lists = { modified: [], removed: [], added: [] };
  diffDirectory({ path: '', from, to }, lists);
  for (const list of Object.values(lists) as string[][]) list.sort(compareBytewise);
  return lists;
}

/** A tree of the repository. */
export function storedTree(repo: Repo, tree: TreeChecksums, options: FileAsObject = {}): DiffTree {
  const bare = options.ignoreXattrs === true;
  return {
    meta: bare ? dirmetaChecksum(repo, { ...loadDirmeta(repo, tree.meta), xattrs: [] }) : tree.meta,
    identity: tree.contents,
    entries() {
      const { files, dirs } = loadDirtree(repo, tree.contents);
      const entries = new Map<string, DiffEntry>();
      for (const { name, checksum } of files)
        entries.set(name, {
          kind: 'file',
          checksum: bare ? checksumWithoutXattrs(repo, checksum) : checksum,
        });
      for (const { name, contents, meta } of dirs)
        entries.set(name, { kind: 'directory', tree: storedTree(repo, { contents, meta }, options) });
      return entries;
    },
  };
}

/** A directory of the file system; `path` is relative to `dir`. Its files are read for their checksums. */
export function directoryTree(
  repo: Repo,
  { dir, path }: { readonly dir: Fd; readonly path: string },
  options: FileAsObject = {},
): DiffTree {
  const { sys } = repo;
  return {
    meta: dirmetaChecksum(repo, directoryMeta(repo, { dir, path }, options)),
    identity: null,
    entries() {
      const entries = new Map<string, DiffEntry>();
      for (const { name } of sys.readdir(dir, path)) {
        const below = `${path}/${name}`;
        const kind = (sys.lstat(dir, below)?.mode ?? 0) & S.IFMT;
        if (kind === S.IFDIR)
          entries.set(name, { kind: 'directory', tree: directoryTree(repo, { dir, path: below }, options) });
        else entries.set(name, { kind: 'file', checksum: checksumOfFile(repo, dir, below, options) });
      }
      return entries;
    },
  };
}

function directoryMeta(
  { sys }: Repo,
  { dir, path }: { readonly dir: Fd; readonly path: string },
  options: FileAsObject,
): FileMeta {
  const stat = sys.stat(dir, path);
  return {
    uid: options.ownerUid ?? stat?.uid ?? 0,
    gid: options.ownerGid ?? stat?.gid ?? 0,
    mode: stat?.mode ?? 0,
    xattrs: options.ignoreXattrs === true ? [] : fileXattrs(sys, dir, path),
  };
}

function dirmetaChecksum(repo: Repo, meta: FileMeta): Checksum {
  const hash = repo.sys.sha256();
  hash.update(encodeDirmeta(meta));
  return hash.digest() as Checksum;
}

function checksumWithoutXattrs(repo: Repo, checksum: Checksum): Checksum {
  const content = loadContent(repo, checksum);
  const { meta } = content;
  if (meta.xattrs.length === 0) return checksum;
  const hash = repo.sys.sha256();
  hash.update(contentHashPrefix({ ...meta, xattrs: [] }));
  for (const piece of content.pieces()) hash.update(piece);
  return hash.digest() as Checksum;
}

function diffDirectory(
  at: { readonly path: string; readonly from: DiffTree | null; readonly to: DiffTree },
  lists: Lists,
): void {
  if (at.from !== null && at.from.identity !== null && at.from.identity === at.to.identity) return;
  const before = at.from?.entries() ?? new Map<string, DiffEntry>();
  const after = at.to.entries();
  for (const name of new Set([...before.keys(), ...after.keys()]))
    diffEntry({ path: `${at.path}/${name}`, from: before.get(name), to: after.get(name) }, lists);
}

function diffEntry(
  at: { readonly path: string; readonly from: DiffEntry | undefined; readonly to: DiffEntry | undefined },
  lists: Lists,
): void {
  const { path, from, to } = at;
  if (from === undefined) lists.added.push(path);
  else if (to === undefined) lists.removed.push(path);
  else if (isChanged(from, to)) lists.modified.push(path);
  // A directory that went, or became a file or the other way, is named alone.
  if (to?.kind === 'directory' && from?.kind !== 'file')
    diffDirectory({ path, from: from?.tree ?? null, to: to.tree }, lists);
}

function isChanged(from: DiffEntry, to: DiffEntry): boolean {
  if (from.kind === 'directory') return to.kind !== 'directory' || from.tree.meta !== to.tree.meta;
  return to.kind !== 'file' || from.checksum !== to.checksum || from.checksum === null;
}
