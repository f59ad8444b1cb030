/**
 * SELinux labels of what is written beside labelled files. A kernel with SELinux gives a new file the label of its directory
 * itself; where it is off, or there is none (an image that is made elsewhere), the file would have no label, and be out of
 * reach once the policy is enforced.
 */
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';

const LABEL = 'security.selinux';

/**
 * Gives each file at and below `paths` (relative to `dir`) that has no label that of the directory it is in. Nothing is
 * done where `dir` has none. Files with more than one link are left alone: they may be objects of the repository. A crash
 * leaves some without: the next call goes on.
 */
export function labelLikeDirectory(sys: Syscalls, dir: Fd, paths: readonly string[]): void {
  const label = sys.fgetXattr(dir, LABEL);
  if (label === null) return;
  for (const path of paths) labelBelow({ sys, dir }, path, label);
}

function labelBelow(place: { sys: Syscalls; dir: Fd }, path: string, parent: Uint8Array): void {
  const { sys, dir } = place;
  const stat = sys.lstat(dir, path);
  if (stat === null) return;
  const isDirectory = (stat.mode & S.IFMT) === S.IFDIR;
  const own = labelOf(sys, dir, path);
  if (own === null && (isDirectory || stat.nlink === 1)) setLabel(sys, { dir, path }, parent);
  if (!isDirectory) return;
  for (const { name } of sys.readdir(dir, path)) labelBelow(place, `${path}/${name}`, own ?? parent);
}

/** Gives a file the label of another, where that has one. */
export function labelLikeFile(sys: Syscalls, dir: Fd, { path, like }: { path: string; like: string }): void {
  const label = sys.lstat(dir, like) === null ? null : labelOf(sys, dir, like);
  if (label !== null) setLabel(sys, { dir, path }, label);
}

function labelOf(sys: Syscalls, dir: Fd, path: string): Uint8Array | null {
  return sys.xattrs(dir, path).find(({ name }) => name === LABEL)?.value ?? null;
}

/** A policy that forbids it, or a file system that has no labels, is no reason not to deploy. */
function setLabel(sys: Syscalls, { dir, path }: { dir: Fd; path: string }, label: Uint8Array): void {
  try {
    sys.setXattr(dir, path, LABEL, label);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EPERM' && code !== 'EACCES' && code !== 'EOPNOTSUPP') throw error;
  }
}
