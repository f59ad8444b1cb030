import type { Checksum } from '#ostree/format/checksum.ts';
import { checkedName, type Dirtree, type DirtreeDir } from '#ostree/format/dirtree.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { loadCommit, loadDirmeta, loadDirtree } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';

/** A directory by the checksums of its dirtree and its dirmeta. */
export interface TreeChecksums {
  readonly contents: Checksum;
  readonly meta: Checksum;
}

export type TreeEntry =
  | { readonly kind: 'file'; readonly checksum: Checksum }
  | { readonly kind: 'directory'; readonly tree: MutableTree };

type Meta = { readonly checksum: Checksum } | { readonly value: FileMeta };

/**
 * A directory tree that is to be changed and written. Lazy: a directory is loaded when it is looked into, and one that
 * was never changed is written as the checksum it came with. Paths are relative, components joined by `/`; empty
 * components and a leading `/` are passed over; `..` is refused.
 */
export class MutableTree {
  private readonly repo: Repo | null;
  private meta: Meta;
  /** The stored dirtree this directory still equals; null once it was changed. */
  private stored: Checksum | null;
  /** Null until looked into. */
  private files: Map<string, Checksum> | null = null;
  private dirs: Map<string, MutableTree> = new Map();

  private constructor(repo: Repo | null, meta: Meta, stored: Checksum | null) {
    this.repo = repo;
    this.meta = meta;
    this.stored = stored;
    if (stored === null) this.files = new Map();
  }

  /** @throws UserError NO_OBJECT */
  static fromCommit(repo: Repo, commit: Checksum): MutableTree {
    const { rootContents, rootMeta } = loadCommit(repo, commit);
    return MutableTree.fromChecksums(repo, rootContents, rootMeta);
  }

  static fromChecksums(repo: Repo, contents: Checksum, meta: Checksum): MutableTree {
    return new MutableTree(repo, { checksum: meta }, contents);
  }

  static empty(meta: FileMeta): MutableTree {
    return new MutableTree(null, { value: meta }, null);
  }

  /** What lies at `path`; '' is this directory. Null where there is nothing. */
  get(path: string): TreeEntry | null {
    const components = splitPath(path);
    const name = components.pop();
    if (name === undefined) return { kind: 'directory', tree: this };
    const parent = this.descend(components);
    const file = parent?.loaded().get(name);
    if (file !== undefined) return { kind: 'file', checksum: file };
    const tree = parent?.dirs.get(name);
    return tree === undefined ? null : { kind: 'directory', tree };
  }

  /**
   * The directory at `path`, made with `meta` where it is missing (as are its parents); one that exists keeps its own.
   * @throws UserError NOT_A_DIRECTORY where a file is in the way
   */
  ensureDirectory(path: string, meta: FileMeta): MutableTree {
    return splitPath(path).reduce<MutableTree>((tree, name) => tree.ensureChild(name, meta), this);
  }

  /**
   * Puts a file at `path`, replacing a file there. The parent directory must exist.
   * @throws UserError NOT_A_DIRECTORY, NO_PATH, IS_A_DIRECTORY
   */
  setFile(path: string, checksum: Checksum): void {
    const { parent, name } = this.parentOf(path);
    const files = parent.loaded();
    if (parent.dirs.has(name))
      throw new UserError('IS_A_DIRECTORY', `'${path}' is a directory, a file cannot replace it`);
    if (files.get(name) === checksum) return;
    files.set(name, checksum);
    this.markChanged(path);
  }

  /** Puts a whole directory at `path`, replacing what was there. The parent directory must exist. */
  setDirectory(path: string, tree: MutableTree): void {
    const { parent, name } = this.parentOf(path);
    parent.loaded().delete(name);
    parent.dirs.set(name, tree);
    this.markChanged(path);
  }

  /** Removes a file or a directory with all below it. @returns whether something was there */
  remove(path: string): boolean {
    const components = splitPath(path);
    const name = components.pop();
    if (name === undefined) throw new UserError('NO_PATH', 'the root of a tree cannot be removed');
    const parent = this.descend(components);
    if (parent === null) return false;
    const removed = parent.loaded().delete(name) || parent.dirs.delete(name);
    if (removed) this.markChanged(path);
    return removed;
  }

  /** The directory's entries, sorted bytewise by name. */
  entries(): [name: string, entry: TreeEntry][] {
    const files = [...this.loaded()].map(([name, checksum]): [string, TreeEntry] => [
      name,
      { kind: 'file', checksum },
    ]);
    const dirs = [...this.dirs].map(([name, tree]): [string, TreeEntry] => [
      name,
      { kind: 'directory', tree },
    ]);
    return [...files, ...dirs].sort(([a], [b]) => compareBytewise(a, b));
  }

  /** The dirmeta's checksum where the directory still has the one it came with. */
  get metaChecksum(): Checksum | null {
    return 'checksum' in this.meta ? this.meta.checksum : null;
  }

  /** The dirtree's checksum where nothing below has changed. */
  get contentsChecksum(): Checksum | null {
    return this.isUnchanged() ? this.stored : null;
  }

  getMeta(): FileMeta {
    if ('value' in this.meta) return this.meta.value;
    if (this.repo === null) throw new Error('a tree with a stored dirmeta has a repository');
    return loadDirmeta(this.repo, this.meta.checksum);
  }

  /** The directory's owner, mode and attributes: a value, or the checksum of a stored dirmeta. */
  setMeta(meta: FileMeta | Checksum): void {
    this.meta = typeof meta === 'string' ? { checksum: meta } : { value: meta };
  }

  /** Writes what has changed. */
  write(txn: Transaction): TreeChecksums {
    const meta = 'checksum' in this.meta ? this.meta.checksum : txn.writeDirmeta(this.meta.value);
    this.meta = { checksum: meta };
    if (this.stored !== null && this.isUnchanged()) return { contents: this.stored, meta };
    const tree: Dirtree = {
      files: [...this.loaded()].map(([name, checksum]) => ({ name, checksum })),
      dirs: [...this.dirs].map(([name, child]): DirtreeDir => ({ name, ...child.write(txn) })),
    };
    this.stored = txn.writeDirtree(tree);
    this.writtenDirs = new Map(
      tree.dirs.map(({ name, contents, meta: childMeta }) => [name, { contents, meta: childMeta }]),
    );
    return { contents: this.stored, meta };
  }

  /** The subdirectories as the stored dirtree has them. */
  private writtenDirs: ReadonlyMap<string, TreeChecksums> = new Map();

  /** Whether the stored dirtree still says what this directory is: also a subdirectory's new metadata is a change. */
  private isUnchanged(): boolean {
    if (this.stored === null) return false;
    if (this.files === null) return true;
    for (const [name, child] of this.dirs) {
      const written = this.writtenDirs.get(name);
      if (written === undefined || child.metaChecksum !== written.meta) return false;
      if (child.contentsChecksum !== written.contents) return false;
    }
    return true;
  }

  private loaded(): Map<string, Checksum> {
    if (this.files !== null) return this.files;
    const { repo, stored } = this;
    if (repo === null || stored === null) throw new Error('a tree that is not loaded has a repository');
    const tree = loadDirtree(repo, stored);
    this.files = new Map(tree.files.map(({ name, checksum }) => [name, checksum]));
    this.dirs = new Map(
      tree.dirs.map(({ name, contents, meta }) => [name, MutableTree.fromChecksums(repo, contents, meta)]),
    );
    this.writtenDirs = new Map(tree.dirs.map(({ name, contents, meta }) => [name, { contents, meta }]));
    return this.files;
  }

  private descend(components: readonly string[]): MutableTree | null {
    return components.reduce<MutableTree | null>((tree, name) => {
      tree?.loaded();
      return tree?.dirs.get(name) ?? null;
    }, this);
  }

  private ensureChild(name: string, meta: FileMeta): MutableTree {
    if (this.loaded().has(name))
      throw new UserError('NOT_A_DIRECTORY', `'${name}' is a file, a directory cannot replace it`);
    const known = this.dirs.get(name);
    if (known !== undefined) return known;
    const made = MutableTree.empty(meta);
    this.dirs.set(checkedName(name), made);
    this.stored = null;
    return made;
  }

  private parentOf(path: string): { readonly parent: MutableTree; readonly name: string } {
    const components = splitPath(path);
    const name = components.pop();
    if (name === undefined) throw new UserError('NO_PATH', `'${path}' names no file`);
    const parent = this.descend(components);
    if (parent === null) throw new UserError('NO_PATH', `'${path}': its directory is not in the tree`);
    return { parent, name: checkedName(name) };
  }

  /** The directory that holds `path` no longer equals its stored dirtree. */
  private markChanged(path: string): void {
    const parent = this.descend(splitPath(path).slice(0, -1));
    if (parent !== null) parent.stored = null;
  }
}

/** Lays `over` on `tree`: its files and metadata replace those there, directories are merged. */
export function mergeTrees(tree: MutableTree, over: MutableTree): void {
  tree.setMeta(over.metaChecksum ?? over.getMeta());
  for (const [name, entry] of over.entries()) {
    if (entry.kind === 'file') {
      tree.setFile(name, entry.checksum);
      continue;
    }
    const known = tree.get(name);
    if (known?.kind === 'file')
      throw new UserError('NOT_A_DIRECTORY', `'${name}' is a file, a directory cannot replace it`);
    if (known === null) tree.setDirectory(name, entry.tree);
    else mergeTrees(known.tree, entry.tree);
  }
}

function splitPath(path: string): string[] {
  const components = path.split('/').filter((name) => name !== '' && name !== '.');
  if (components.includes('..')) throw new UserError('NO_PATH', `'${path}' leaves the tree`);
  return components;
}
