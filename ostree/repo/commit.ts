/** A directory of the file system becomes a tree in the repository. */
import { S, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { FileMeta, XattrEntry } from '#ostree/format/file-meta.ts';
import { devinoCache, type DevinoCache } from '#ostree/repo/devino.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { scanTree, type ScannedEntry } from '#ostree/repo/scan.ts';
import type { FileSource, Transaction } from '#ostree/repo/transaction.ts';
import { fileXattrs } from '#ostree/repo/xattrs.ts';

/** How the files' metadata is changed on its way into the repository. */
export interface CommitModifiers {
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  /** Owner 0:0, files 0644 or 0755, directories 0755, no set-id bits; what bare-user-only repositories hold. */
  readonly canonicalPermissions?: boolean;
  /** Executables lose their write bits. */
  readonly readOnlyExecutables?: boolean;
  readonly noXattrs?: boolean;
  /** By absolute path in the tree: mode bits that are added, or a whole mode that replaces. */
  readonly statOverride?: ReadonlyMap<string, { readonly add: number } | { readonly replace: number }>;
  /** Absolute paths in the tree that are left out. */
  readonly skip?: ReadonlySet<string>;
  /** The `security.selinux` value for a path, replacing what the file has; null takes it away. */
  readonly label?: (path: string, mode: number) => Uint8Array | null;
  /** Gets every path that `statOverride` or `skip` named and that was met. */
  readonly seen?: Set<string>;
  /** Files that are hardlinks into the repository are known by their inode and not read again. */
  readonly linkSpeedup?: boolean;
}

const SELINUX = 'security.selinux';

/** One directory on its way: its place in the tree and what was scanned. */
interface Found {
  readonly path: string;
  readonly tree: MutableTree;
}

/**
 * Reads `source` and everything below; new content objects are staged in `txn`. With `into` the directory is laid over
 * that tree (its directories' metadata replace those there).
 * @throws UserError BAD_NAME, BAD_FILE_KIND for sockets, fifos and devices
 */
export function commitDirectory(
  txn: Transaction,
  source: Fd,
  options: { readonly modifiers?: CommitModifiers; readonly into?: MutableTree } = {},
): MutableTree {
  const { sys } = txn.repo;
  const modifiers = options.modifiers ?? {};
  const cache = modifiers.linkSpeedup === true ? devinoCache(txn.repo) : null;
  const wanted =
    modifiers.noXattrs === true || isCanonical(txn, modifiers)
      ? 'none'
      : cache === null
        ? 'all'
        : 'directories';
  const entries = scanTree(sys, { dir: source, path: '.' }, wanted);
  const stat = sys.fstat(source);
  const top = { ...stat, target: '', xattrs: wanted === 'none' ? [] : fileXattrs(sys, source, '.') };
  noteSeen(modifiers, '/');
  const topMeta = modifiedMeta(txn, '/', { entry: top, modifiers });
  const root = options.into ?? MutableTree.empty(topMeta);
  root.setMeta(topMeta);
  addEntries(txn, { source, entries, root, modifiers, cache, readXattrs: wanted !== 'none' });
  return root;
}

interface Job {
  readonly source: Fd;
  readonly entries: readonly ScannedEntry[];
  readonly root: MutableTree;
  readonly modifiers: CommitModifiers;
  readonly cache: DevinoCache | null;
  readonly readXattrs: boolean;
}

function addEntries(txn: Transaction, job: Job): void {
  const directories = new Map<number, Found>([[-1, { path: '', tree: job.root }]]);
  const files: FileSource[] = [];
  const places: { readonly tree: MutableTree; readonly name: string }[] = [];
  job.entries.forEach((entry, index) => {
    const parent = directories.get(entry.parent);
    const path = `${parent?.path ?? ''}/${entry.name}`;
    // A skipped directory's entries have no parent.
    if (parent === undefined) return;
    noteSeen(job.modifiers, path);
    if (job.modifiers.skip?.has(path) === true) return;
    if ((entry.mode & S.IFMT) === S.IFDIR) {
      const meta = modifiedMeta(txn, path, { entry, modifiers: job.modifiers });
      const tree = parent.tree.ensureDirectory(entry.name, meta);
      tree.setMeta(meta);
      directories.set(index, { path, tree });
      return;
    }
    const known = knownChecksum(job, entry, path);
    if (known !== null) return parent.tree.setFile(entry.name, known);
    files.push(fileSource(txn, job, { entry, path }));
    places.push({ tree: parent.tree, name: entry.name });
  });
  const checksums = txn.writeFiles(job.source, files);
  places.forEach(({ tree, name }, index) => {
    const checksum = checksums[index];
    if (checksum !== undefined) tree.setFile(name, checksum);
  });
}

/** Tells `modifiers.seen` of a path that a list named. */
export function noteSeen(modifiers: CommitModifiers, path: string): void {
  if (modifiers.seen === undefined) return;
  if (modifiers.skip?.has(path) === true || modifiers.statOverride?.has(path) === true)
    modifiers.seen.add(path);
}

/** The object that the file is a hardlink of, unless the modifiers would make it another one. */
function knownChecksum(job: Job, entry: ScannedEntry, path: string): Checksum | null {
  const { modifiers } = job;
  if (job.cache === null || modifiers.label !== undefined) return null;
  if (modifiers.statOverride?.has(path) === true) return null;
  if (modifiers.ownerUid !== undefined || modifiers.ownerGid !== undefined) return null;
  if (modifiers.canonicalPermissions === true || modifiers.readOnlyExecutables === true) return null;
  if (modifiers.noXattrs === true) return null;
  return job.cache.get(entry.dev, entry.ino);
}

function fileSource(
  txn: Transaction,
  job: Job,
  file: { readonly entry: ScannedEntry; readonly path: string },
): FileSource {
  const { entry, path } = file;
  const kind = entry.mode & S.IFMT;
  const relative = path.slice(1);
  if (kind !== S.IFREG && kind !== S.IFLNK)
    throw new UserError('BAD_FILE_KIND', `Not a regular file or symlink: ${relative}`, {
      hint: 'sockets, fifos and devices cannot be committed: remove it or name it in a skip list',
    });
  const late = job.cache !== null && job.readXattrs;
  const full = late ? { ...entry, xattrs: fileXattrs(txn.repo.sys, job.source, relative) } : entry;
  const meta = modifiedMeta(txn, path, { entry: full, modifiers: job.modifiers });
  if (kind === S.IFLNK) return { meta: { ...meta, target: entry.target }, source: { kind: 'none' } };
  return {
    meta: { ...meta, target: '' },
    source: { kind: 'path', path: relative, size: entry.size },
  };
}

function isCanonical(txn: Transaction, modifiers: CommitModifiers): boolean {
  return modifiers.canonicalPermissions === true || txn.repo.mode === 'bare-user-only';
}

type Owned = Pick<ScannedEntry, 'mode' | 'uid' | 'gid' | 'xattrs'>;

/** What the modifiers make of a file's or directory's metadata; `path` is absolute in the tree. */
export function modifiedMeta(
  txn: Transaction,
  path: string,
  from: { readonly entry: Owned; readonly modifiers: CommitModifiers },
): FileMeta {
  const { entry, modifiers } = from;
  if (isCanonical(txn, modifiers)) {
    const xattrs = txn.repo.mode === 'bare-user-only' ? [] : modifiedXattrs(path, entry, modifiers);
    return { uid: 0, gid: 0, mode: canonicalMode(entry.mode), xattrs };
  }
  return {
    uid: modifiers.ownerUid ?? entry.uid,
    gid: modifiers.ownerGid ?? entry.gid,
    mode: modifiedMode(path, entry.mode, modifiers),
    xattrs: modifiedXattrs(path, entry, modifiers),
  };
}

function canonicalMode(mode: number): number {
  return (mode & S.IFMT) === S.IFLNK ? mode : mode & (S.IFMT | 0o755);
}

function modifiedMode(path: string, mode: number, modifiers: CommitModifiers): number {
  const override = modifiers.statOverride?.get(path);
  let changed = mode;
  if (override !== undefined)
    changed = 'add' in override ? mode | override.add : (mode & S.IFMT) | override.replace;
  const isExecutable = (changed & S.IFMT) === S.IFREG && (changed & 0o111) !== 0;
  return modifiers.readOnlyExecutables === true && isExecutable ? changed & ~0o222 : changed;
}

function modifiedXattrs(path: string, entry: Owned, modifiers: CommitModifiers): readonly XattrEntry[] {
  const kept = modifiers.noXattrs === true || modifiers.canonicalPermissions === true ? [] : entry.xattrs;
  if (modifiers.label === undefined) return kept;
  const label = modifiers.label(path, entry.mode);
  const others = kept.filter(({ name }) => name !== SELINUX);
  return label === null ? others : [...others, { name: SELINUX, value: label }];
}
