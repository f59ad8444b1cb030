import type { Fd } from '#native/syscalls.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { wantsSync } from '#ostree/repo/settings.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** A file system that cannot be frozen, or may not be by us; or no memory for the process that watches. */
const CANNOT_FREEZE = [
  'EOPNOTSUPP',
  'ENOTTY',
  'ENOSYS',
  'EPERM',
  'EACCES',
  'EBUSY',
  'EINVAL',
  'EAGAIN',
  'ENOMEM',
];

/** Makes all that was written to the sysroot and to /boot durable. @throws UserError TEST_FIFREEZE where asked for */
export function syncAll(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  sysroot.sys.syncfs(sysroot.repo.fd);
  if (sysroot.options.debug.includes('test-fifreeze')) dieFrozen(sysroot, boot);
  if (isSeparate(sysroot, boot)) freezeAndThaw(sysroot, boot);
}

/** The same for /boot alone, after its rename. */
export function syncBoot(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  if (isSeparate(sysroot, boot)) freezeAndThaw(sysroot, boot);
  else sysroot.sys.syncfs(boot);
}

/**
 * Makes durable what was written to a VFAT boot partition. Linux does not tell the disk to write its cache at a syncfs of
 * VFAT; at an fsync it does, of whichever file (fs/fat/file.c, since Linux 5.2).
 */
export function syncPartition(sysroot: Sysroot, partition: Fd): void {
  if (!isSyncing(sysroot)) return;
  sysroot.sys.syncfs(partition);
  sysroot.sys.fsync(partition);
}

/** `core.fsync=false` and `OSTREE_SYSROOT_OPTS=skip-sync`: for images that are made and thrown away or synced later. */
function isSyncing({ repo, options }: Sysroot): boolean {
  return wantsSync(repo) && !options.opts.includes('skip-sync');
}

/** On a booted system the root itself may be a composefs image: the repository is where the rest lies. */
function isSeparate({ sys, repo }: Sysroot, boot: Fd): boolean {
  return sys.fstat(boot).dev !== sys.fstat(repo.fd).dev;
}

/**
 * Boot loaders read the disk without replaying the journal, as GRUB with XFS: freezing writes the journal back, a
 * sync does not. The root file system is never frozen. A crash between the two leaves nothing frozen: a process that
 * watches thaws.
 */
function freezeAndThaw({ sys }: Sysroot, boot: Fd): void {
  try {
    sys.freezeThaw(boot, 'real');
  } catch (error) {
    if (!CANNOT_FREEZE.includes(codeOf(error) ?? '')) throw error;
    sys.syncfs(boot);
  }
}

/** `OSTREE_SYSROOT_DEBUG=test-fifreeze`: shows that the process that watches thaws /boot, and ends there. */
function dieFrozen(sysroot: Sysroot, boot: Fd): never {
  return during('During fsfreeze-thaw', () => {
    sysroot.sys.freezeThaw(boot, isSeparate(sysroot, boot) ? 'dies-between' : 'dies-before');
    throw new UserError('TEST_FIFREEZE', 'aborting due to test-fifreeze');
  });
}
