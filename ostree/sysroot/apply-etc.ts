/** Reads three /etc trees, decides with `merge-etc`, and carries the local changes into the new one. */
import { S, type Fd, type Stat, type Syscalls } from '#native/syscalls.ts';
import {
  diffEtc,
  EMPTY_ETC,
  planEtcMerge,
  type EtcDiff,
  type EtcDirectory,
  type EtcNode,
  type EtcOp,
} from '#ostree/sysroot/merge-etc.ts';
import { copyDirectoryAttributes, copyNode, sameBytes } from '#ostree/sysroot/copy-file.ts';
import { makeDirectory } from '#ostree/sysroot/write-file.ts';

/** What the /etc of the deployment at `deployment` changed of its own default, `usr/etc`. */
export function configDiff(sys: Syscalls, deployment: Fd): EtcDiff {
  return localChanges(sys, deployment).diff;
}

/**
 * Merges the local changes of one deployment's /etc into another's fresh one. The new deployment is not in use yet:
 * a crash leaves it half merged, and cleanup removes it.
 * @throws UserError ETC_CONFLICT before anything is changed
 */
export function mergeEtc(sys: Syscalls, from: Fd, to: Fd): EtcDiff {
  const { diff, local } = localChanges(sys, from);
  for (const op of planEtcMerge(diff, local, readEtc(sys, to, 'etc'))) applyOp(sys, { from, to, op });
  return diff;
}

/** The same, with the /etc that was read. */
export function localChanges(sys: Syscalls, deployment: Fd): { diff: EtcDiff; local: EtcDirectory } {
  const before = readEtc(sys, deployment, 'usr/etc');
  const local = readEtc(sys, deployment, 'etc');
  const diff = diffEtc(before, local, (path) =>
    sameBytes(sys, { dir: deployment, path: `usr/etc/${path}` }, { dir: deployment, path: `etc/${path}` }),
  );
  return { diff, local };
}

function applyOp(sys: Syscalls, { from, to, op }: { from: Fd; to: Fd; op: EtcOp }): void {
  const path = `etc/${op.path}`;
  switch (op.op) {
    case 'remove':
      sys.removeTree(to, path);
      return;
    case 'directory':
      makeDirectory(sys, to, path, 0o700);
      copyDirectoryAttributes(sys, { dir: from, path }, { dir: to, path });
      return;
    case 'copy':
      sys.removeTree(to, path);
      copyNode(sys, { dir: from, path }, { dir: to, path });
      return;
    default:
      op satisfies never;
  }
}

/** The tree below `path`; empty where there is none. */
function readEtc(sys: Syscalls, deployment: Fd, path: string): EtcDirectory {
  const stat = sys.lstat(deployment, path);
  if (stat === null) return EMPTY_ETC;
  const node = readNode(sys, deployment, path, stat);
  return node.kind === 'directory' ? node : EMPTY_ETC;
}

function readNode(sys: Syscalls, dir: Fd, path: string, stat: Stat): EtcNode {
  const owner = { uid: stat.uid, gid: stat.gid, mode: stat.mode };
  switch (stat.mode & S.IFMT) {
    case S.IFDIR:
      return { kind: 'directory', owner, children: readChildren(sys, dir, path) };
    case S.IFREG:
      return { kind: 'file', owner, size: stat.size };
    case S.IFLNK:
      return { kind: 'symlink', owner, target: sys.readlink(dir, path) ?? '' };
    default:
      return { kind: 'other', owner };
  }
}

function readChildren(sys: Syscalls, dir: Fd, path: string): ReadonlyMap<string, EtcNode> {
  const children = new Map<string, EtcNode>();
  for (const { name } of sys.readdir(dir, path)) {
    const child = `${path}/${name}`;
    // On a running system a file may vanish between the two calls.
    const stat = sys.lstat(dir, child);
    if (stat !== null) children.set(name, readNode(sys, dir, child, stat));
  }
  return children;
}
