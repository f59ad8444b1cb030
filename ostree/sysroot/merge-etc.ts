/**
 * The three-way merge of /etc, as a decision: what was changed locally since the old default, and what of it goes into
 * the new one. The local file always wins over a changed default; what is untouched takes the new default.
 */
import { UserError } from '#ostree/format/errors.ts';

export type EtcNode =
  | {
      readonly kind: 'directory';
      readonly owner: EtcOwner;
      readonly children: ReadonlyMap<string, EtcNode>;
    }
  | { readonly kind: 'file'; readonly owner: EtcOwner; readonly size: number }
  | { readonly kind: 'symlink'; readonly owner: EtcOwner; readonly target: string }
  /** Sockets, pipes and devices, which are never merged. */
  | { readonly kind: 'other'; readonly owner: EtcOwner };

export type EtcDirectory = Extract<EtcNode, { kind: 'directory' }>;

export interface EtcOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Paths relative to /etc, each list in the order of a walk. */
export interface EtcDiff {
  readonly modified: readonly string[];
  /** A removed directory is named once, without what it held. */
  readonly removed: readonly string[];
  /** An added directory is named, and everything in it too. */
  readonly added: readonly string[];
}

/** One line for people. */
export function describeEtc({ modified, removed, added }: EtcDiff): string {
  return `Copying /etc changes: ${modified.length} modified, ${removed.length} removed, ${added.length} added\n`;
}

export type EtcOp =
  | { readonly op: 'remove'; readonly path: string }
  /** A directory that the path needs: made where it is missing, and given the local owner, mode and attributes. */
  | { readonly op: 'directory'; readonly path: string }
  /** Replaces what is at the path by the local file, symlink or whole directory. */
  | { readonly op: 'copy'; readonly path: string };

export const EMPTY_ETC: EtcDirectory = {
  kind: 'directory',
  owner: { uid: 0, gid: 0, mode: 0o40755 },
  children: new Map(),
};

/**
 * What the local /etc changed of the default it came from. `sameContent` compares the two files at a path; it is only
 * asked where everything else is equal.
 */
export function diffEtc(
  before: EtcDirectory,
  local: EtcDirectory,
  sameContent: (path: string) => boolean,
): EtcDiff {
  const diff = { modified: [] as string[], removed: [] as string[], added: [] as string[] };
  diffDirectory({ before, local, at: '' }, sameContent, diff);
  return diff;
}

/** A local change that cannot be carried over: a file where the new default has a directory, or the other way round. */
export interface EtcConflict {
  /** What is to be moved away. */
  readonly path: string;
  readonly message: string;
}

/**
 * The steps that carry the changes into the new default.
 * @throws UserError ETC_CONFLICT for the first change that cannot be carried over
 */
export function planEtcMerge(diff: EtcDiff, local: EtcDirectory, fresh: EtcDirectory): EtcOp[] {
  const { ops, conflicts } = tryEtcMerge(diff, local, fresh);
  const [first] = conflicts;
  if (first === undefined) return ops;
  throw new UserError('ETC_CONFLICT', `During /etc merge: ${first.message}`, {
    hint: `move the local /etc/${first.path} away, deploy, and bring it back by hand`,
  });
}

/** The steps as far as they are possible, and each change for which they are not. */
export function tryEtcMerge(
  diff: EtcDiff,
  local: EtcDirectory,
  fresh: EtcDirectory,
): { readonly ops: EtcOp[]; readonly conflicts: EtcConflict[] } {
  const conflicts: EtcConflict[] = [];
  const ops: EtcOp[] = diff.removed
    .filter((path) => nodeAt(fresh, path) !== null)
    .map((path) => ({ op: 'remove', path }));
  const copied = new Set<string>();
  for (const path of [...diff.modified, ...diff.added]) {
    if (ancestorsOf(path).some((parent) => copied.has(parent))) continue;
    const conflict = conflictOf(path, local, fresh);
    if (conflict !== null) conflicts.push(conflict);
    if (conflict !== null || !needsCopy(path, local, fresh)) continue;
    ops.push(...ancestorsOf(path).map((parent): EtcOp => ({ op: 'directory', path: parent })));
    ops.push({ op: 'copy', path });
    copied.add(path);
  }
  return { ops, conflicts: conflicts.filter(isFirstOfItsPath) };
}

interface Pair {
  readonly before: EtcDirectory;
  readonly local: EtcDirectory;
  /** '' or a path that ends in '/'. */
  readonly at: string;
}

type MutableDiff = { readonly [K in keyof EtcDiff]: string[] };

function diffDirectory(pair: Pair, sameContent: (path: string) => boolean, diff: MutableDiff): void {
  for (const [name, before] of pair.before.children) {
    const path = pair.at + name;
    const local = pair.local.children.get(name);
    if (local === undefined) diff.removed.push(path);
    else {
      if (!isSame(before, local, () => sameContent(path))) diff.modified.push(path);
      if (before.kind === 'directory' && local.kind === 'directory')
        diffDirectory({ before, local, at: `${path}/` }, sameContent, diff);
    }
  }
  for (const [name, local] of pair.local.children)
    if (!pair.before.children.has(name)) listAdded(pair.at + name, local, diff.added);
}

function isSame(a: EtcNode, b: EtcNode, sameContent: () => boolean): boolean {
  if (a.kind !== b.kind || a.owner.uid !== b.owner.uid || a.owner.gid !== b.owner.gid) return false;
  if (a.kind === 'symlink' || b.kind === 'symlink')
    return a.kind === 'symlink' && b.kind === 'symlink' && a.target === b.target;
  if (a.owner.mode !== b.owner.mode) return false;
  return a.kind !== 'file' || b.kind !== 'file' || (a.size === b.size && sameContent());
}

function listAdded(path: string, node: EtcNode, added: string[]): void {
  added.push(path);
  if (node.kind === 'directory')
    for (const [name, child] of node.children) listAdded(`${path}/${name}`, child, added);
}

/** Local directories are not carried over where the new default has one: only what is in them is. */
function needsCopy(path: string, local: EtcDirectory, fresh: EtcDirectory): boolean {
  const ours = nodeAt(local, path);
  if (ours === null || ours.kind === 'other') return false;
  return nodeAt(fresh, path)?.kind !== 'directory';
}

function conflictOf(path: string, local: EtcDirectory, fresh: EtcDirectory): EtcConflict | null {
  const ours = nodeAt(local, path);
  if (ours === null || ours.kind === 'other') return null;
  if (ours.kind !== 'directory' && nodeAt(fresh, path)?.kind === 'directory')
    return { path, message: `Modified config file newly defaults to directory '${path}', cannot merge` };
  const parent = ancestorsOf(path).find((one) => {
    const there = nodeAt(fresh, one);
    return there !== null && there.kind !== 'directory';
  });
  if (parent === undefined) return null;
  return {
    path: parent,
    message: `'${parent}' newly defaults to a file, cannot keep the local '${path}' in it`,
  };
}

function isFirstOfItsPath({ path }: EtcConflict, at: number, all: readonly EtcConflict[]): boolean {
  return all.findIndex((other) => other.path === path) === at;
}

function nodeAt(root: EtcDirectory, path: string): EtcNode | null {
  let node: EtcNode = root;
  for (const name of path.split('/')) {
    const child: EtcNode | undefined = node.kind === 'directory' ? node.children.get(name) : undefined;
    if (child === undefined) return null;
    node = child;
  }
  return node;
}

/** `a`, `a/b` for `a/b/c`. */
function ancestorsOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(0, -1).map((_, at) => names.slice(0, at + 1).join('/'));
}
