/** Brings what scripts changed (`overlay-changes`) into the tree that is composed. */
import type { Fd } from '#native/syscalls.ts';
import type { FileMeta, XattrEntry } from '#ostree/format/file-meta.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { FileSource, Transaction } from '#ostree/repo/transaction.ts';
import type { TreeChange } from '#layering/overlay-changes.ts';

export interface AppliedChanges {
  /** Paths in the tree whose content, kind or metadata is now another. */
  readonly changed: readonly string[];
  /** Sockets, FIFOs and devices that scripts left; a tree cannot hold them. */
  readonly ignored: readonly string[];
}

/** Stores the new files (one batch) and changes `tree`; `upper` is the overlay's upper layer. */
export function applyOverlay(
  txn: Transaction,
  tree: MutableTree,
  { upper, changes }: { readonly upper: Fd; readonly changes: readonly TreeChange[] },
): AppliedChanges {
  const contents = changes.filter((change) => change.kind === 'file' || change.kind === 'symlink');
  const checksums = txn.writeFiles(upper, contents.map(sourceOf));
  const objects = new Map(contents.map((change, at) => [change.path, checksums[at]]));
  const changed: string[] = [];
  const ignored: string[] = [];
  for (const change of changes) {
    if (change.kind === 'unsupported') ignored.push(change.path);
    else if (change.kind === 'remove') {
      if (tree.remove(change.path)) changed.push(change.path);
    } else if (change.kind === 'directory') {
      if (applyDirectory(tree, change)) changed.push(change.path);
    } else {
      const checksum = objects.get(change.path);
      const existing = tree.get(change.path);
      if (checksum === undefined || (existing?.kind === 'file' && existing.checksum === checksum)) continue;
      if (existing?.kind === 'directory') tree.remove(change.path);
      tree.setFile(change.path, checksum);
      changed.push(change.path);
    }
  }
  return { changed, ignored };
}

type ContentChange = Extract<TreeChange, { readonly kind: 'file' | 'symlink' }>;

function sourceOf(change: ContentChange): FileSource {
  const { mode, uid, gid, size } = change.stat;
  const owner = { uid, gid, xattrs: change.xattrs };
  if (change.kind === 'symlink')
    return { meta: { ...owner, mode: 0o120777, target: change.target }, source: { kind: 'none' } };
  return { meta: { ...owner, mode, target: '' }, source: { kind: 'path', path: change.path, size } };
}

function applyDirectory(tree: MutableTree, change: Extract<TreeChange, { kind: 'directory' }>): boolean {
  const { mode, uid, gid } = change.stat;
  const meta: FileMeta = { uid, gid, mode, xattrs: change.xattrs };
  const existing = tree.get(change.path);
  if (existing !== null && (change.replaces || existing.kind === 'file')) tree.remove(change.path);
  else if (existing?.kind === 'directory' && equalMeta(existing.tree.getMeta(), meta)) return false;
  tree.ensureDirectory(change.path, meta).setMeta(meta);
  return true;
}

function equalMeta(a: FileMeta, b: FileMeta): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode && textOf(a.xattrs) === textOf(b.xattrs);
}

function textOf(xattrs: readonly XattrEntry[]): string {
  return xattrs
    .map(({ name, value }) => `${name}=${Buffer.from(value).toString('hex')}`)
    .sort()
    .join('\n');
}
