/** Room in a small /boot: in two steps where old and new kernels do not fit side by side, as ostree's early prune. */
import { kernelDirectory } from '#bootloader/entries.ts';
import {
  bootPath,
  neededBootSpace,
  refuseBootSpace,
  sharesFileSystem,
  type KernelFacts,
} from '#bootloader/install-kernel.ts';
import { ST_RDONLY, type Fd } from '#native/syscalls.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import { filesBelow } from '#ostree/sysroot/kernel-layout.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface ListFacts extends KernelFacts {
  readonly deployment: Deployment;
}

/**
 * What has to be the list for a moment, so that there is room for the kernels of a new one: the present list without what
 * goes anyway. null where they fit as it is. Reads only.
 * @throws UserError NO_BOOT_SPACE with the numbers, where they do not fit then either
 */
export function listBefore(
  sysroot: Sysroot,
  after: readonly ListFacts[],
  boot: Fd,
): readonly Deployment[] | null {
  const { sys, options, booted } = sysroot;
  if (sharesFileSystem(sysroot, boot)) return null;
  const needed = neededBootSpace(sysroot, after, boot);
  const { bsize, bavail } = sys.statfs(boot);
  const free = bavail * bsize;
  if (needed === 0 || needed <= free) return null;
  const before = sysroot.deployments.filter(({ isStaged }) => !isStaged);
  const kept = before.filter((one) => after.some(({ deployment }) => isSameDeployment(deployment, one)));
  const isBootable = booted === null ? kept.length > 0 : kept.some((one) => isSameDeployment(one, booted));
  // With nothing new in the list there is nothing to make room for.
  const isAllowed = isBootable && kept.length < after.length && !options.opts.includes('no-early-prune');
  const stays = [...kept, ...after.map(({ deployment }) => deployment)];
  const freed = isAllowed ? sizeOfOthers(sysroot, stays, bsize) : 0;
  if (freed === 0 || needed > free + freed) refuseBootSpace(sysroot, { needed, free, freed });
  return kept;
}

/** Less than entries and a configuration take. */
const FULL = 64 * 1024;

/** Runs `action`, which writes to /boot, and says what is wrong with that where it cannot. @throws UserError NO_BOOT_SPACE, NOT_WRITABLE */
export function writingBoot<T>({ sys, path }: Sysroot, boot: Fd, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { bsize, bavail, flags } = sys.statfs(boot);
    if (codeOf(error) === 'ENOSPC' && bavail * bsize < FULL)
      throw new UserError('NO_BOOT_SPACE', `${bootPath(path)} is full: ${messageOf(error)}`, {
        hint: `remove what is not ostree's; 'ostree admin undeploy INDEX' makes room, and takes a little itself`,
        cause: error,
      });
    if (codeOf(error) === 'EROFS' && (flags & ST_RDONLY) !== 0)
      throw new UserError('NOT_WRITABLE', `${bootPath(path)} is mounted read-only`, {
        hint: `'mount -o remount,rw ${bootPath(path)}' makes it writable`,
        cause: error,
      });
    throw error;
  }
}

/** Bytes that the kernel files take which none of the deployments boots with. */
function sizeOfOthers({ sys, fd }: Sysroot, used: readonly Deployment[], blockSize: number): number {
  const kept = new Set(used.map((one) => kernelDirectory(one)));
  return sys
    .readdir(fd, 'boot/ostree')
    .filter(({ name }) => isChecksum(name.slice(-64)) && !kept.has(`ostree/${name}`))
    .flatMap(({ name }) => filesBelow(sys, fd, `boot/ostree/${name}`))
    .reduce((sum, file) => sum + Math.ceil((sys.lstat(fd, file)?.size ?? 0) / blockSize) * blockSize, 0);
}
