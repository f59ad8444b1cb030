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

/**
 * Makes all that was written to the sysroot and to /boot durable, and readable for a boot loader.
 * @throws UserError TEST_FIFREEZE where asked for
 */
export function syncAll(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  syncLinks(sysroot);
  if (sysroot.options.debug.includes('test-fifreeze')) dieFrozen(sysroot, boot);
  if (!freezeAndThaw(sysroot, boot) && isSeparate(sysroot, boot)) sysroot.sys.syncfs(boot);
}

/** The same for /boot alone, after its rename. */
export function syncBoot(sysroot: Sysroot, boot: Fd): void {
  if (!isSyncing(sysroot)) return;
  if (!freezeAndThaw(sysroot, boot)) sysroot.sys.syncfs(boot);
}

/** Makes durable what is no concern of a boot loader's: who reads it has played back the journal. */
export function syncLinks(sysroot: Sysroot): void {
  if (isSyncing(sysroot)) sysroot.sys.syncfs(sysroot.repo.fd);
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
 * Boot loaders read the disk without replaying the journal. A sync writes what was changed into the journal alone, and
 * later, in any order, to its place: until then a boot loader may see the new link to a menu whose directory is
 * still empty. Freezing writes all to its place. As ostree does, also where /boot lies on the root file system. A
 * crash between the two leaves nothing frozen: a process that watches thaws. False where the file system or this
 * process cannot do it.
 */
function freezeAndThaw({ sys }: Sysroot, boot: Fd): boolean {
  try {
    sys.freezeThaw(boot, 'real');
    return true;
  } catch (error) {
    if (!CANNOT_FREEZE.includes(codeOf(error) ?? '')) throw error;
    return false;
  }
}

/** `OSTREE_SYSROOT_DEBUG=test-fifreeze`: shows that the process that watches thaws /boot, and ends there. */
function dieFrozen(sysroot: Sysroot, boot: Fd): never {
  return during('During fsfreeze-thaw', () => {
    sysroot.sys.freezeThaw(boot, isSeparate(sysroot, boot) ? 'dies-between' : 'dies-before');
    throw new UserError('TEST_FIFREEZE', 'aborting due to test-fifreeze');
  });
}
