/** passwd, group and their shadows in a tree: `usr/lib` where the base keeps the system's users there, else `usr/etc`. */
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { applySysusers, readUserIds, type UserFiles, type UserIds } from '#layering/users.ts';

export interface TreeUsers {
  /** Where the system's users are added. */
  readonly directory: 'usr/lib' | 'usr/etc';
  readonly files: UserFiles;
  /** usr/etc/passwd and usr/etc/group, '' where they are missing. */
  readonly etc: { readonly passwd: string; readonly group: string };
  /** Of both places. */
  readonly ids: UserIds;
}

const NAMES = ['passwd', 'group', 'shadow', 'gshadow'] as const;
const SYSUSERS = 'usr/lib/sysusers.d';

export function readTreeUsers(repo: Repo, tree: MutableTree): TreeUsers {
  const text = (path: string): string | null => readTreeText(repo, tree, path);
  const directory = text('usr/lib/passwd') === null ? 'usr/etc' : 'usr/lib';
  const etc = { passwd: text('usr/etc/passwd') ?? '', group: text('usr/etc/group') ?? '' };
  return {
    directory,
    files: {
      passwd: text(`${directory}/passwd`) ?? '',
      group: text(`${directory}/group`) ?? '',
      shadow: text('usr/etc/shadow'),
      gshadow: text('usr/etc/gshadow'),
    },
    etc,
    ids: readUserIds([etc.passwd, text('usr/lib/passwd') ?? ''], [etc.group, text('usr/lib/group') ?? '']),
  };
}

/**
 * Adds what the sysusers.d files of the packages ask for. @returns the ids with them; null where there are no such files
 * @throws UserError BAD_SYSUSERS
 */
export function addSysusers(
  txn: Transaction,
  tree: MutableTree,
  packages: readonly MutableTree[],
  settled: UserIds,
): UserIds | null {
  const configs = packages.flatMap((packageTree) => sysusersOf(txn.repo, packageTree));
  if (configs.length === 0) return null;
  const before = readTreeUsers(txn.repo, tree);
  const after = applySysusers(before.files, before.ids, configs, settled);
  writeTreeUsers(txn, tree, before, after);
  const made = readUserIds([after.passwd], [after.group]);
  return {
    users: new Map([...made.users, ...before.ids.users]),
    groups: new Map([...made.groups, ...before.ids.groups]),
  };
}

function sysusersOf(repo: Repo, tree: MutableTree): { file: string; text: string }[] {
  const directory = tree.get(SYSUSERS);
  if (directory?.kind !== 'directory') return [];
  return directory.tree.entries().flatMap(([name]) => {
    const file = `${SYSUSERS}/${name}`;
    const text = name.endsWith('.conf') ? readTreeText(repo, tree, file) : null;
    return text === null ? [] : [{ file, text }];
  });
}

/** Puts changed files into the tree, each with the owner and mode it had. */
export function writeTreeUsers(
  txn: Transaction,
  tree: MutableTree,
  before: TreeUsers,
  after: UserFiles,
): boolean {
  const changed = NAMES.filter((name) => after[name] !== null && after[name] !== before.files[name]);
  for (const name of changed) {
    const shadow = name === 'shadow' || name === 'gshadow';
    const path = `${shadow ? 'usr/etc' : before.directory}/${name}`;
    replaceTreeText(txn, tree, { path, text: after[name] ?? '', mode: shadow ? 0o100000 : 0o100644 });
  }
  return changed.length > 0;
}

/** A file's text; null where there is none (or no regular file, or no UTF-8). */
export function readTreeText(repo: Repo, tree: MutableTree, path: string): string | null {
  const entry = tree.get(path);
  if (entry?.kind !== 'file') return null;
  const content = loadContent(repo, entry.checksum);
  return content.meta.target === '' ? utf8Text(content.read()) : null;
}

/** Writes a file anew; where one is there its owner, mode and attributes stay. */
export function replaceTreeText(
  txn: Transaction,
  tree: MutableTree,
  file: { readonly path: string; readonly text: string; readonly mode: number },
): void {
  const entry = tree.get(file.path);
  const meta: FileMeta =
    entry?.kind === 'file'
      ? loadContent(txn.repo, entry.checksum).meta
      : { uid: 0, gid: 0, mode: file.mode, xattrs: [] };
  const { uid, gid, mode, xattrs } = meta;
  tree.setFile(file.path, txn.writeFile({ uid, gid, mode, xattrs }, utf8Bytes(file.text)));
}
