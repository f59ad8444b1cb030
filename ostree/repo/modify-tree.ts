/** The modifiers of a commit, applied to a tree that the repository has. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { modifiedMeta, noteSeen, type CommitModifiers } from '#ostree/repo/commit.ts';
import { loadContent, type Content } from '#ostree/repo/content.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { holderOf } from '#ostree/repo/objects.ts';
import type { FileSource, Transaction } from '#ostree/repo/transaction.ts';

/** Whether a tree may be another one afterwards. */
export function modifiesTrees(modifiers: CommitModifiers): boolean {
  const { ownerUid, ownerGid, statOverride, skip } = modifiers;
  const flags = [modifiers.canonicalPermissions, modifiers.readOnlyExecutables, modifiers.noXattrs];
  const values = [ownerUid, ownerGid, statOverride, skip, modifiers.label];
  return flags.includes(true) || values.some((one) => one !== undefined);
}

/** Changes `tree` in place; files that are others afterwards are staged in `txn`. @throws UserError NO_OBJECT, BAD_OBJECT */
export function modifyTree(txn: Transaction, tree: MutableTree, modifiers: CommitModifiers): void {
  const changed: { readonly tree: MutableTree; readonly name: string; readonly file: FileSource }[] = [];
  const visit = (directory: MutableTree, at: string): void => {
    noteSeen(modifiers, at === '' ? '/' : at);
    directory.setMeta(modifiedMeta(txn, at === '' ? '/' : at, { entry: directory.getMeta(), modifiers }));
    for (const [name] of directory.entries()) {
      const path = `${at}/${name}`;
      const entry = directory.get(name);
      if (modifiers.skip?.has(path) === true) {
        noteSeen(modifiers, path);
        directory.remove(name);
      } else if (entry?.kind === 'directory') visit(entry.tree, path);
      else if (entry !== null) {
        noteSeen(modifiers, path);
        const file = modifiedFile(txn, { checksum: entry.checksum, path }, modifiers);
        if (file !== null) changed.push({ tree: directory, name, file });
      }
    }
  };
  visit(tree, '');
  const files = changed.map(({ file }) => file);
  txn.writeFiles(txn.repo.objectsFd, files).forEach((checksum, index) => {
    const place = changed[index];
    place?.tree.setFile(place.name, checksum);
  });
}

/** Null where nothing changes. */
function modifiedFile(
  txn: Transaction,
  { checksum, path }: { readonly checksum: Checksum; readonly path: string },
  modifiers: CommitModifiers,
): FileSource | null {
  const content = loadContent(txn.repo, checksum);
  const meta = modifiedMeta(txn, path, { entry: content.meta, modifiers });
  if (isSame(meta, content.meta)) return null;
  const { target } = content.meta;
  return { meta: { ...meta, target }, source: sourceOf(txn, checksum, content) };
}

function sourceOf({ repo }: Transaction, checksum: Checksum, content: Content): FileSource['source'] {
  if ((content.meta.mode & S.IFMT) === S.IFLNK) return { kind: 'none' };
  if (repo.mode === 'archive' || holderOf(repo, checksum, 'file') !== repo)
    return { kind: 'bytes', bytes: content.read() };
  return { kind: 'path', path: objectPath(checksum, 'file', repo.mode), size: content.size };
}

function isSame(a: FileMeta, b: FileMeta): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode && xattrText(a) === xattrText(b);
}

function xattrText({ xattrs }: FileMeta): string {
  return JSON.stringify(xattrs.map(({ name, value }) => [name, [...value]]).sort());
}
