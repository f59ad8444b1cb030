/** Base ∪ packages: the merge of one package's tree into the tree that is composed. */
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { MutableTree, type TreeEntry } from '#ostree/repo/mutable-tree.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { sameButLabel } from '#layering/label-facts.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { LeftOut } from '#layering/documentation.ts';

/** A package's tree and what has to be known of it to merge it. */
export interface MergePackage {
  /** The package's name. */
  readonly name: string;
  readonly contents: Checksum;
  readonly meta: Checksum;
  /** Its files may replace those of others. */
  readonly mayReplace: boolean;
  /** What of it does not come into the tree; null: all does. */
  readonly leftOut?: LeftOut | null;
}

/** Two packages want different content at one path. */
export interface FileConflict {
  /** In the tree, without a leading slash. */
  readonly path: string;
  readonly package: string;
  /** Object checksums: what the package brings, and what is there (null for a directory). */
  readonly wanted: Checksum | null;
  readonly existing: Checksum | null;
}

export interface MergeState {
  readonly repo: Repo;
  readonly root: MutableTree;
  /** Which package of this run put a file at a path. */
  readonly placedBy: Map<string, string>;
  readonly conflicts: FileConflict[];
  /** Places in the tree that no package comes into. */
  readonly closed: ReadonlySet<string>;
  /** Paths (in the tree) that were added or replaced. */
  readonly changed: string[];
  /** The object that a package's file becomes in the tree: with its owner and capabilities. */
  readonly resolveFile: (name: string, path: string, checksum: Checksum) => Checksum;
  /** The same for a directory's metadata that is new. */
  readonly resolveDirectory: (name: string, path: string, meta: Checksum) => FileMeta | Checksum;
  /**
   * Which of two different files stays where both are programs or libraries of different word size: the package's, the
   * one that is there, or neither (a conflict).
   */
  readonly preferred: (conflict: FileConflict, owner: string | null) => 'new' | 'existing' | null;
}

/** Files that belong to the machine's configuration: a package's copy never takes the base's place. */
const KEPT_FROM_BASE: ReadonlySet<string> = new Set(['usr/etc/nsswitch.conf']);
const LONGEST_LINK_CHAIN = 8;

/** Merges one package; conflicts are collected in `state`, the tree then is not to be used. */
export function mergePackage(state: MergeState, source: MergePackage): void {
  const tree = MutableTree.fromChecksums(state.repo, source.contents, source.meta);
  mergeDirectory(state, source, { from: tree, to: state.root, path: '', own: '' });
}

interface DirectoryPair {
  readonly from: MutableTree;
  readonly to: MutableTree;
  /** Of `to`, in the tree; '' for its root. */
  readonly path: string;
  /** Of `from`, in the package's own tree. */
  readonly own: string;
}

function mergeDirectory(state: MergeState, source: MergePackage, pair: DirectoryPair): void {
  for (const [name, entry] of pair.from.entries()) {
    const [path, own] = [below(pair.path, name), below(pair.own, name)];
    if (state.closed.has(own) || isLeftOut(source.leftOut ?? null, own, entry)) continue;
    const existing = pair.to.get(name);
    if (entry.kind === 'file')
      mergeFile(state, source, { ...pair, name, path, own, existing, file: entry.checksum });
    else mergeSubdirectory(state, source, { ...pair, name, path, own, existing, tree: entry.tree });
  }
}

function below(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Of directories those that nothing is left in, unless the package lists them for their own sake. */
function isLeftOut(leftOut: LeftOut | null, own: string, entry: TreeEntry): boolean {
  if (leftOut === null) return false;
  if (entry.kind === 'file') return leftOut.docs.has(own);
  if (leftOut.listed.has(own) && !leftOut.docs.has(own)) return false;
  return entry.tree.entries().every(([name, one]) => isLeftOut(leftOut, below(own, name), one));
}

interface NamedEntry extends DirectoryPair {
  readonly name: string;
  readonly existing: TreeEntry | null;
}

function mergeFile(
  state: MergeState,
  source: MergePackage,
  at: NamedEntry & { readonly file: Checksum },
): void {
  const { path, existing } = at;
  const wanted = state.resolveFile(source.name, path, at.file);
  if (existing?.kind === 'file' && existing.checksum === wanted) return;
  if (existing !== null && KEPT_FROM_BASE.has(path)) return;
  if (existing !== null) {
    const there = existing.kind === 'file' ? existing.checksum : null;
    const conflict = { path, package: source.name, wanted, existing: there };
    if (there !== null && sameButLabel(state.repo, there, wanted)) return;
    if (there === null || !source.mayReplace) {
      const choice = there === null ? null : state.preferred(conflict, state.placedBy.get(path) ?? null);
      if (choice === null) state.conflicts.push(conflict);
      if (choice !== 'new') return;
    }
  }
  at.to.setFile(at.name, wanted);
  state.placedBy.set(path, source.name);
  state.changed.push(path);
}

function mergeSubdirectory(
  state: MergeState,
  source: MergePackage,
  at: NamedEntry & { readonly tree: MutableTree },
): void {
  const { path, own, existing, tree } = at;
  if (existing?.kind === 'file') {
    const target = followLink(state, path, existing.checksum);
    if (target === null)
      state.conflicts.push({ path, package: source.name, wanted: null, existing: existing.checksum });
    else mergeDirectory(state, source, { from: tree, to: target.tree, path: target.path, own });
    return;
  }
  if (existing !== null) return mergeDirectory(state, source, { from: tree, to: existing.tree, path, own });
  const made = at.to.ensureDirectory(at.name, tree.getMeta());
  made.setMeta(state.resolveDirectory(source.name, path, tree.metaChecksum as Checksum));
  state.changed.push(path);
  mergeDirectory(state, source, { from: tree, to: made, path, own });
}

/** The directory that a symlink at `path` leads to within the tree; rpm follows such links when it installs. */
function followLink(
  state: MergeState,
  path: string,
  link: Checksum,
): { readonly tree: MutableTree; readonly path: string } | null {
  let at = { path, link };
  for (let i = 0; i < LONGEST_LINK_CHAIN; i++) {
    const target = linkTarget(state, at.link);
    if (target === null) return null;
    const next = joinTarget(at.path, target);
    const entry = next === null ? null : lookUp(state.root, next);
    if (next === null || entry === null) return null;
    if (entry.kind === 'directory') return { tree: entry.tree, path: next };
    at = { path: next, link: entry.checksum };
  }
  return null;
}

/** The text of a symlink object; null where it is a regular file. */
function linkTarget(state: MergeState, checksum: Checksum): string | null {
  const { target } = loadContent(state.repo, checksum).meta;
  return target === '' ? null : target;
}

function lookUp(root: MutableTree, path: string): TreeEntry | null {
  return path === '' ? { kind: 'directory', tree: root } : root.get(path);
}

/** `target` seen from the link at `path`, as a path in the tree; null where it leaves it. */
function joinTarget(path: string, target: string): string | null {
  const parts = target.startsWith('/') ? [] : path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (parts.length === 0) return null;
      parts.pop();
    } else parts.push(part);
  }
  return parts.join('/');
}
