/** A tree of the repository becomes a directory of the file system, in one native call. */
import type { PopulateOptions, PopulateResult } from '#native/batch.ts';
import { S, type Fd } from '#native/syscalls.ts';
import { bytesToHex, checksumBytes, checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';
import { CheckoutPlan } from '#ostree/repo/checkout-plan.ts';
import { refuseDifferent } from '#ostree/repo/compare-file.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { inspectContent, type Inspected } from '#ostree/repo/inspect.ts';
import type { TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { objectSuffix } from '#ostree/repo/object-path.ts';
import { holderOf, loadCommit, loadDirtree, withStoredObjects } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { loadTrees, type LoadedTrees } from '#ostree/repo/tree-walk.ts';

export interface CheckoutOptions {
  /** 'none' restores owners and extended attributes (needs root); 'user' makes everything the caller's. */
  readonly mode?: 'user' | 'none';
  /** Where the target exists: refuse, replace files, keep files, or accept only identical files. */
  readonly overwrite?: 'none' | 'union' | 'union-add' | 'union-identical';
  /** Copies instead of hardlinks; times are then those of the copying. */
  readonly forceCopy?: boolean;
  /** An error instead of a copy where hardlinks are not possible. */
  readonly requireHardlinks?: boolean;
  /** A directory or file of the tree to check out instead of its root. */
  readonly subpath?: string;
  /** `.wh.NAME` removes NAME and `.wh..wh..opq` empties the directory, as in container layers. */
  readonly whiteouts?: boolean;
  /** `.ostree-wh.NAME` becomes an overlay whiteout (character device 0:0) NAME. */
  readonly passthroughWhiteouts?: boolean;
  /** Absolute paths in the tree that are left out. */
  readonly skip?: ReadonlySet<string>;
  /** Directories get no bits outside of 0775. */
  readonly bareUserOnlyDirs?: boolean;
  /** Sync the target's file system at the end. */
  readonly fsync?: boolean;
}

export interface CheckoutStats {
  readonly linked: number;
  /** Copies, symlinks and whiteouts that were made. */
  readonly copied: number;
  readonly directories: number;
}

/** Where a tree goes: `name` ('' for the directory itself) below an open directory. */
export interface CheckoutTarget {
  readonly dir: Fd;
  readonly name: string;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const PASSTHROUGH = '.ostree-wh.';

/**
 * Empty files are always copied: as links they would all share an inode, and its links run out. Directories and copies
 * get the time 0, as the objects have it. A crash or an error leaves a part of the tree at the target.
 * @throws UserError NO_OBJECT, BAD_OBJECT, NO_HARDLINK, NO_PATH, FILE_EXISTS
 */
export function checkoutTree(
  repo: Repo,
  from: TreeChecksums | Checksum,
  target: CheckoutTarget,
  options: CheckoutOptions = {},
): CheckoutStats {
  const root = typeof from === 'string' ? rootOf(repo, from) : from;
  const found = lookUp(repo, root, options.subpath ?? '/');
  const result = withStoredObjects(() => populate(repo, found, target, options));
  if (result.taken.length > 0) refuseDifferent(repo, target, { taken: result.taken, found, options });
  if (options.fsync === true) syncTarget(repo, target);
  return { linked: result.linked, copied: result.copied, directories: result.directories };
}

function populate(
  repo: Repo,
  found: Found,
  target: CheckoutTarget,
  options: CheckoutOptions,
): PopulateResult {
  if (repo.parent !== null) return populateFromAll(repo, found, target, options);
  const links = mayLink(repo, options);
  const how = populateOptions(repo, options);
  if (found.kind === 'directory' && isStoredAsIs(repo, options, links))
    return populateStored(
      repo,
      { tree: found.tree, target, whiteouts: options.passthroughWhiteouts === true },
      how,
    );
  return populateHeld({ repo, holder: repo, found, target }, options);
}

/** A repository and its parents, one after the other: each gives the files that it is the first to have. */
function populateFromAll(
  repo: Repo,
  found: Found,
  target: CheckoutTarget,
  options: CheckoutOptions,
): PopulateResult {
  let sum: PopulateResult = { linked: 0, copied: 0, directories: 0, taken: [] };
  for (let holder: Repo | null = repo; holder !== null; holder = holder.parent) {
    // The directories are there after the first.
    const overwrite =
      holder !== repo && (options.overwrite ?? 'none') === 'none' ? 'union' : options.overwrite;
    const one = populateHeld(
      { repo, holder, found, target },
      { ...options, ...(overwrite && { overwrite }) },
    );
    sum = {
      linked: sum.linked + one.linked,
      copied: sum.copied + one.copied,
      directories: Math.max(sum.directories, one.directories),
      taken: [...sum.taken, ...one.taken],
    };
  }
  return sum;
}

interface HeldPart {
  /** Where the trees are read. */
  readonly repo: Repo;
  /** Where the files lie. */
  readonly holder: Repo;
  readonly found: Found;
  readonly target: CheckoutTarget;
}

function populateHeld({ repo, holder, found, target }: HeldPart, options: CheckoutOptions): PopulateResult {
  const builder = new Builder({ repo, holder }, options, mayLink(holder, options));
  if (found.kind === 'directory') builder.addTree(found.tree, target.name);
  else builder.addSingle(found, target.name);
  const how = populateOptions(holder, options);
  return holder.sys.populate(holder.objectsFd, target.dir, builder.plan.finish(), how);
}

function populateOptions(repo: Repo, options: CheckoutOptions): PopulateOptions {
  return {
    suffix: objectSuffix('file', repo.mode),
    overwrite: options.overwrite ?? 'none',
    requireLinks: options.requireHardlinks === true,
    owners: options.mode !== 'user' && repo.mode !== 'bare-user-only',
    xattrs: options.mode !== 'user' && repo.mode !== 'bare-user-only',
    forceCopy: options.forceCopy === true,
  };
}

/** Whether the inodes of the objects say all, so that no file needs a look before it is linked or cloned. */
function isStoredAsIs(repo: Repo, options: CheckoutOptions, links: boolean): boolean {
  const inInode = repo.mode === 'bare' || repo.mode === 'bare-user-only';
  const isWhole =
    options.whiteouts !== true && options.skip === undefined && options.bareUserOnlyDirs !== true;
  return inInode && isWhole && (links || options.forceCopy === true);
}

function populateStored(
  repo: Repo,
  of: { readonly tree: TreeChecksums; readonly target: CheckoutTarget; readonly whiteouts: boolean },
  how: PopulateOptions,
): PopulateResult {
  const { tree, target, whiteouts } = of;
  const contents = checksumBytes(tree.contents);
  const meta = checksumBytes(tree.meta);
  try {
    const stored = { name: target.name, contents, meta, whiteouts };
    return repo.sys.populateTree(repo.objectsFd, target.dir, stored, how);
  } catch (error) {
    // It says only which object is malformed; reading the tree here says what is wrong with it.
    if (codeOf(error) === 'EBADMSG') loadTrees(repo, tree);
    throw error;
  }
}

function syncTarget(repo: Repo, target: CheckoutTarget): void {
  const fd = repo.sys.open(target.dir, target.name === '' ? '.' : target.name, ['read', 'directory']);
  try {
    repo.sys.syncfs(fd);
  } finally {
    repo.sys.close(fd);
  }
}

function rootOf(repo: Repo, commit: Checksum): TreeChecksums {
  const { rootContents, rootMeta } = loadCommit(repo, commit);
  return { contents: rootContents, meta: rootMeta };
}

export type Found =
  | { readonly kind: 'directory'; readonly tree: TreeChecksums }
  | { readonly kind: 'file'; readonly name: string; readonly checksum: Checksum };

/** What lies at `path` in a tree. @throws UserError NO_PATH */
export function lookUp(repo: Repo, root: TreeChecksums, path: string): Found {
  let found: Found = { kind: 'directory', tree: root };
  for (const name of path.split('/').filter((component) => component !== '' && component !== '.')) {
    if (found.kind === 'file') throw noPath(path);
    const { files, dirs } = loadDirtree(repo, found.tree.contents);
    const dir = dirs.find((one) => one.name === name);
    const file = files.find((one) => one.name === name);
    if (dir !== undefined) found = { kind: 'directory', tree: { contents: dir.contents, meta: dir.meta } };
    else if (file !== undefined) found = { kind: 'file', name, checksum: file.checksum };
    else throw noPath(path);
  }
  return found;
}

function noPath(path: string): UserError {
  return new UserError('NO_PATH', `No such file or directory: ${path}`);
}

function mayLink(repo: Repo, options: CheckoutOptions): boolean {
  const user = options.mode === 'user';
  const possible =
    repo.mode === 'bare-user-only' || (repo.mode === 'bare' && !user) || (repo.mode === 'bare-user' && user);
  if (options.requireHardlinks === true && !possible)
    throw new UserError(
      'NO_HARDLINK',
      repo.mode === 'bare-user'
        ? 'User repository mode requires user checkout mode to hardlink'
        : 'Bare repository mode cannot hardlink in user checkout mode',
    );
  return possible && options.forceCopy !== true;
}

interface FileEntry {
  readonly name: Uint8Array;
  readonly digest: Uint8Array;
}

interface PlannedDirectory {
  readonly parent: number | null;
  readonly name: Uint8Array;
  /** In the tree; followed only where something is left out. */
  readonly path: string;
  readonly contents: string;
  readonly meta: string;
}

/** Turns dirtrees into the plan. */
class Builder {
  readonly plan = new CheckoutPlan();
  private readonly repo: Repo;
  /** Whose files are planned: all of the repository's own, or those that a parent has for it. */
  private readonly holder: Repo;
  private readonly options: CheckoutOptions;
  private readonly links: boolean;
  private readonly inInode: boolean;
  /** Whether names mean something, so that each must be looked at. */
  private readonly special: boolean;
  private inspected: ReadonlyMap<string, Inspected> = new Map();

  constructor(
    { repo, holder }: { readonly repo: Repo; readonly holder: Repo },
    options: CheckoutOptions,
    links: boolean,
  ) {
    this.repo = repo;
    this.holder = holder;
    this.options = options;
    this.links = links;
    this.inInode = holder.mode === 'bare' || holder.mode === 'bare-user-only';
    this.special = options.whiteouts === true || options.passthroughWhiteouts === true;
  }

  addTree(root: TreeChecksums, name: string): void {
    const trees = loadTrees(this.repo, root);
    if (!this.inInode) this.inspectAll(trees);
    const numbers = new Map(
      [...trees.dirmetas].map(([checksum, meta]) => [checksum, this.plan.addMeta(this.directoryMeta(meta))]),
    );
    const stack: PlannedDirectory[] = [{ ...root, parent: null, name: utf8Bytes(name), path: '' }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { path } = next;
      const number = this.plan.directory(next.parent, numbers.get(next.meta) ?? 0, next.name);
      const below: PlannedDirectory[] = [];
      const files: FileEntry[] = [];
      scanDirtree(trees.dirtrees.get(next.contents) ?? new Uint8Array(0), {
        file: (fileName, digest) => files.push({ name: fileName, digest }),
        directory: (dirName, contents, meta) =>
          below.push({
            parent: number,
            name: dirName,
            path: this.below(path, dirName),
            contents: bytesToHex(contents),
            meta: bytesToHex(meta),
          }),
      });
      this.addFiles(files, path);
      for (const dir of below.reverse()) if (!this.isSkipped(dir.path)) stack.push(dir);
    }
  }

  private directoryMeta(meta: FileMeta): FileMeta {
    return this.options.bareUserOnlyDirs === true ? { ...meta, mode: meta.mode & (S.IFMT | 0o775) } : meta;
  }

  /** A file alone lies in a directory that only its owner may enter. */
  addSingle(file: { readonly name: string; readonly checksum: Checksum }, name: string): void {
    if (!this.isHeld(file.checksum)) return;
    if (!this.inInode) this.inspected = inspectContent(this.holder, [file.checksum]);
    const meta = { uid: this.repo.sys.geteuid(), gid: 0, mode: S.IFDIR | 0o700, xattrs: [] };
    this.plan.directory(null, this.plan.addMeta(meta), utf8Bytes(name));
    this.addFile({ name: utf8Bytes(file.name), digest: checksumBytes(file.checksum) });
  }

  private addFiles(files: readonly FileEntry[], path: string): void {
    if (!this.special && this.options.skip === undefined) {
      for (const file of files) this.addFile(file);
      return;
    }
    const named = files.map((file) => ({ ...file, text: utf8Text(file.name) ?? '' }));
    const isFirst = this.holder === this.repo;
    if (isFirst && this.options.whiteouts === true && named.some(({ text }) => text === OPAQUE))
      this.plan.empty();
    for (const file of named) if (!this.isSkipped(`${path}/${file.text}`)) this.addNamed(file, file.text);
  }

  private addNamed(file: FileEntry, text: string): void {
    if (this.options.whiteouts === true && text.startsWith(WHITEOUT)) {
      // What a parent adds later is not to be removed by it.
      if (text === OPAQUE || this.holder !== this.repo) return;
      this.plan.remove(file.name.subarray(WHITEOUT.length));
    } else if (this.options.passthroughWhiteouts === true && text.startsWith(PASSTHROUGH)) {
      if (!this.isHeld(checksumFromBytes(file.digest))) return;
      const { meta } = loadContent(this.repo, checksumFromBytes(file.digest));
      this.plan.device(file.name.subarray(PASSTHROUGH.length), meta);
    } else this.addFile(file);
  }

  /** What nobody has is the last one's, which says so. */
  private isHeld(checksum: Checksum): boolean {
    const { repo, holder } = this;
    if (repo.parent === null) return true;
    const found = holderOf(repo, checksum, 'file');
    return found === holder || (found === null && holder.parent === null);
  }

  private addFile({ name, digest }: FileEntry): void {
    if (!this.isHeld(checksumFromBytes(digest))) return;
    if (this.inInode) return this.links ? this.plan.link(name, digest) : this.plan.clone(name, digest);
    const known = this.inspected.get(bytesToHex(digest));
    if (known === undefined) throw new Error('an object was not inspected');
    const { meta, size, offset } = known;
    if ((meta.mode & S.IFMT) === S.IFLNK) return this.plan.symlink(name, meta.target, meta);
    if (this.links && size > 0 && (meta.mode & 0o400) !== 0) return this.plan.link(name, digest);
    this.plan.copy(name, digest, { meta, offset, inflate: this.holder.mode === 'archive', size });
  }

  private inspectAll(trees: LoadedTrees): void {
    const wanted = new Set<Checksum>();
    for (const bytes of trees.dirtrees.values())
      scanDirtree(bytes, {
        file: (_name, digest) => wanted.add(checksumFromBytes(digest)),
        directory: () => undefined,
      });
    const held = [...wanted].filter((checksum) => this.isHeld(checksum));
    this.inspected = inspectContent(this.holder, held);
  }

  private below(path: string, name: Uint8Array): string {
    return this.options.skip === undefined ? '' : `${path}/${utf8Text(name) ?? ''}`;
  }

  private isSkipped(path: string): boolean {
    return this.options.skip?.has(path) === true;
  }
}
