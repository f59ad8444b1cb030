/** What a script changed, read from the upper layer of an overlay. */
import type { Fd, Stat } from '#native/syscalls.ts';
import { S } from '#native/syscalls.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import type { XattrEntry } from '#ostree/format/file-meta.ts';

/** One change of a tree; `path` is relative to the tree, without a leading slash. */
export type TreeChange =
  | { readonly kind: 'remove'; readonly path: string }
  /** `replaces`: what was there before is gone (an opaque directory, or a file that became a directory). */
  | {
      readonly kind: 'directory';
      readonly path: string;
      readonly stat: Stat;
      readonly xattrs: XattrEntry[];
      readonly replaces: boolean;
    }
  | { readonly kind: 'file'; readonly path: string; readonly stat: Stat; readonly xattrs: XattrEntry[] }
  | {
      readonly kind: 'symlink';
      readonly path: string;
      readonly stat: Stat;
      readonly xattrs: XattrEntry[];
      readonly target: string;
    }
  /** A socket, FIFO or device, or what has a name that is not UTF-8: a tree cannot hold it. */
  | { readonly kind: 'unsupported'; readonly path: string };

const OVERLAY_XATTR = 'trusted.overlay.';

/** Locks and backups of the shadow tools, and places that composing looks after itself. */
const DROPPED: ReadonlySet<string> = new Set([
  'usr/etc/.pwd.lock',
  'usr/etc/passwd-',
  'usr/etc/group-',
  'usr/etc/shadow-',
  'usr/etc/gshadow-',
  'usr/etc/subuid-',
  'usr/etc/subgid-',
  'usr/etc/passwd.lock',
  'usr/etc/group.lock',
  'usr/etc/shadow.lock',
  'usr/etc/gshadow.lock',
  'usr/etc/ld.so.cache~',
]);

/** The changes below `upper`, parents before their entries, in the order of their names. */
export function overlayChanges(sys: RepoCalls, upper: Fd): TreeChange[] {
  const changes: TreeChange[] = [];
  walk({ sys, upper, changes }, '');
  return changes;
}

interface Walk {
  readonly sys: RepoCalls;
  readonly upper: Fd;
  readonly changes: TreeChange[];
}

function walk(state: Walk, directory: string): void {
  for (const { name } of state.sys.readdir(state.upper, directory === '' ? '.' : directory)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    if (DROPPED.has(path)) continue;
    const stat = state.sys.lstat(state.upper, path);
    // Such a name is read with U+FFFD in it, and leads nowhere.
    if (stat === null && name.includes('\ufffd')) state.changes.push({ kind: 'unsupported', path });
    if (stat === null) continue;
    const change = changeOf(state, path, stat);
    state.changes.push(change);
    if (change.kind === 'directory') walk(state, path);
  }
}

function changeOf({ sys, upper }: Walk, path: string, stat: Stat): TreeChange {
  const type = stat.mode & S.IFMT;
  if (type === S.IFCHR && stat.rdev === 0) return { kind: 'remove', path };
  if (type !== S.IFDIR && type !== S.IFREG && type !== S.IFLNK) return { kind: 'unsupported', path };
  const all = sys.xattrs(upper, path);
  const xattrs = all.filter(({ name }) => !name.startsWith(OVERLAY_XATTR));
  if (type === S.IFREG) return { kind: 'file', path, stat, xattrs };
  if (type === S.IFLNK)
    return { kind: 'symlink', path, stat, xattrs, target: sys.readlink(upper, path) ?? '' };
  const opaque = all.find(({ name }) => name === `${OVERLAY_XATTR}opaque`);
  return { kind: 'directory', path, stat, xattrs, replaces: opaque?.value[0] === 0x79 };
}
