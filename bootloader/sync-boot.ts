import type { Fd } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { wantsSync } from '#ostree/repo/settings.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** A file system that cannot be frozen, or may not be by us. */
const CANNOT_FREEZE = ['EOPNOTSUPP', 'ENOTTY', 'ENOSYS', 'EPERM', 'EACCES', 'EBUSY', 'EINVAL'];

/** Makes all that was written to the sysroot and to /boot durable. */
export function syncAll(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  sysroot.sys.syncfs(sysroot.fd);
  if (isSeparate(sysroot, boot)) freezeAndThaw(sysroot, boot);
}

/** The same for /boot alone, after its rename. */
export function syncBoot(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  if (isSeparate(sysroot, boot)) freezeAndThaw(sysroot, boot);
  else sysroot.sys.syncfs(boot);
}

/** `core.fsync=false` and `OSTREE_SYSROOT_OPTS=skip-sync`: for images that are made and thrown away or synced later. */
function isSyncing({ repo, options }: Sysroot): boolean {
  return wantsSync(repo) && !options.opts.includes('skip-sync');
}

function isSeparate({ sys, fd }: Sysroot, boot: Fd): boolean {
  return sys.fstat(boot).dev !== sys.fstat(fd).dev;
}

/**
 * Boot loaders read the disk without replaying the journal, as GRUB with XFS: freezing writes the journal back, a
 * sync does not. Nothing runs between the two calls; the root file system is never frozen.
 */
function freezeAndThaw({ sys }: Sysroot, boot: Fd): void {
  try {
    sys.freeze(boot);
  } catch (error) {
    if (!CANNOT_FREEZE.includes(codeOf(error) ?? '')) throw error;
    sys.syncfs(boot);
    return;
  }
  sys.thaw(boot);
}
