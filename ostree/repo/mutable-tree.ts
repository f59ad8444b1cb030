import type { Checksum } from '#ostree/format/checksum.ts';
import { DirtreeView } from '#ostree/format/dirtree-view.ts';
import { checkedName, decodeDirtree, encodeDirtree } from '#ostree/format/dirtree.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { loadCommit, loadDirmeta, loadMetadataBytes } from '#ostree/repo/objects.ts';
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
  /** The dirtree that `files` and `dirs` are changes of; null until looked into. */
  private view: DirtreeView | null;
  /** What was put into the directory, and (null) what was removed. */
  private files: Map<string, Checksum | null> = new Map();
  /** The same, and subdirectories that were looked into. */
  private dirs: Map<string, MutableTree | null> = new Map();

  private constructor(repo: Repo | null, meta: Meta, stored: Checksum | null) {
    this.repo = repo;
    this.meta = meta;
    this.stored = stored;
    this.view = stored === null ? DirtreeView.empty() : null;
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
    return parent?.child(name) ?? null;
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
    const there = parent.child(name);
    if (there?.kind === 'directory')
      throw new UserError('IS_A_DIRECTORY', `'${path}' is a directory, a file cannot replace it`);
    if (there?.checksum === checksum) return;
    parent.files.set(name, checksum);
    parent.stored = null;
  }

  /** Puts a whole directory at `path`, replacing what was there. The parent directory must exist. */
  setDirectory(path: string, tree: MutableTree): void {
    const { parent, name } = this.parentOf(path);
    if (parent.child(name)?.kind === 'file') parent.files.set(name, null);
    parent.dirs.set(name, tree);
    parent.stored = null;
  }

  /** Removes a file or a directory with all below it. @returns whether something was there */
  remove(path: string): boolean {
    const components = splitPath(path);
    const name = components.pop();
    if (name === undefined) throw new UserError('NO_PATH', 'the root of a tree cannot be removed');
    const parent = this.descend(components);
    const there = parent?.child(name) ?? null;
    if (parent === null || there === null) return false;
    if (there.kind === 'file') parent.files.set(name, null);
    else parent.dirs.set(name, null);
    parent.stored = null;
    return true;
  }

  /** The directory's entries, sorted bytewise by name. */
  entries(): [name: string, entry: TreeEntry][] {
    const view = this.loaded();
    const entries = view
      .files()
      .filter(({ name }) => !this.files.has(name))
      .map(({ name, checksum }): [string, TreeEntry] => [name, { kind: 'file', checksum }]);
    for (const [name, checksum] of this.files)
      if (checksum !== null) entries.push([name, { kind: 'file', checksum }]);
    for (const name of new Set([...view.directoryNames(), ...this.dirs.keys()])) {
      const tree = this.directory(name);
      if (tree !== null) entries.push([name, { kind: 'directory', tree }]);
    }
    return entries.sort(([a], [b]) => compareBytewise(a, b));
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
    const view = this.loaded();
    const dirs = new Map([...this.dirs].map(([name, child]) => [name, child?.write(txn) ?? null]));
    const bytes = view.edited({ files: this.files, dirs });
    this.stored = txn.writeMetadata('dirtree', bytes);
    this.view = viewOf(txn.repo, bytes, this.stored);
    this.files = new Map();
    this.dirs = new Map([...this.dirs].filter(([, child]) => child !== null));
    return { contents: this.stored, meta };
  }

  /** Whether the stored dirtree still says what this directory is: also a subdirectory's new metadata is a change. */
  private isUnchanged(): boolean {
    if (this.stored === null) return false;
    for (const [name, child] of this.dirs) {
      const written = this.view?.directory(name) ?? null;
      if (child?.metaChecksum !== written?.meta || child?.contentsChecksum !== written?.contents)
        return false;
    }
    return true;
  }

  private loaded(): DirtreeView {
    if (this.view !== null) return this.view;
    const { repo, stored } = this;
    if (repo === null || stored === null) throw new Error('a tree that is not loaded has a repository');
    return (this.view = viewOf(repo, loadMetadataBytes(repo, stored, 'dirtree'), stored));
  }

  private child(name: string): TreeEntry | null {
    const view = this.loaded();
    const changed = this.files.get(name);
    const checksum = changed === undefined ? view.file(name) : changed;
    if (checksum !== null) return { kind: 'file', checksum };
    const tree = this.directory(name);
    return tree === null ? null : { kind: 'directory', tree };
  }

  private directory(name: string): MutableTree | null {
    const known = this.dirs.get(name);
    if (known !== undefined) return known;
    const stored = this.loaded().directory(name);
    if (stored === null || this.repo === null) return null;
    const tree = MutableTree.fromChecksums(this.repo, stored.contents, stored.meta);
    this.dirs.set(name, tree);
    return tree;
  }

  private descend(components: readonly string[]): MutableTree | null {
    return components.reduce<MutableTree | null>((tree, name) => tree?.directory(name) ?? null, this);
  }

  private ensureChild(name: string, meta: FileMeta): MutableTree {
    const there = this.child(name);
    if (there?.kind === 'file')
      throw new UserError('NOT_A_DIRECTORY', `'${name}' is a file, a directory cannot replace it`);
    if (there !== null) return there.tree;
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

/** A dirtree that is not sorted is refused or put in order by its decoder. */
function viewOf(repo: Repo, bytes: Uint8Array, checksum: Checksum): DirtreeView {
  const index = repo.sys.indexDirtree(bytes);
  if (index !== null) return new DirtreeView(bytes, index);
  const sorted = encodeDirtree(during(`reading object ${checksum}.dirtree`, () => decodeDirtree(bytes)));
  const sortedIndex = repo.sys.indexDirtree(sorted);
  if (sortedIndex === null) throw new UserError('BAD_OBJECT', `object ${checksum}.dirtree is malformed`);
  return new DirtreeView(sorted, sortedIndex);
}

function splitPath(path: string): string[] {
  const components = path.split('/').filter((name) => name !== '' && name !== '.');
  if (components.includes('..')) throw new UserError('NO_PATH', `'${path}' leaves the tree`);
  return components;
}
