/** Whether `/boot` needs a bind: it is a directory of the physical root, and no file system of its own. */
import { AT_FDCWD, S, type Syscalls } from '#native/syscalls.ts';

/** @param physical `/boot` of the physical root; @param boot that of the deployment. Links lead elsewhere. */
export function isBootOnRoot(sys: Syscalls, physical: string, boot: string): boolean {
  return (
    kindOf(sys, physical) === S.IFDIR &&
    kindOf(sys, `${physical}/loader`) === S.IFLNK &&
    kindOf(sys, boot) === S.IFDIR
  );
}

function kindOf(sys: Syscalls, path: string): number | null {
  const stat = sys.lstat(AT_FDCWD, path);
  return stat === null ? null : stat.mode & S.IFMT;
}
