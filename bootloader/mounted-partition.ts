/** Whether the partition of systemd-boot is mounted where it is to be written: an empty mount point takes everything, too. */
import { bootPartitionOf, isLeftToDetection, withBootPartition } from '#bootloader/boot-partition.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { isBootedSysroot } from '#ostree/sysroot/booted.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

/** Where the partition was mounted when it was last written. Not there for an image that was built without mounts. */
const MOUNTED_AT = 'boot/ostree/boot-partition.mounted';

type Place = Pick<Sysroot, 'sys' | 'fd' | 'repo'>;

/**
 * As `bootPartitionOf`, for who writes there or trusts what is there. A partition that was mounted once has to be mounted
 * from then on, as has one that the running machine's configuration names.
 * @throws UserError BOOTLOADER
 */
export function mountedPartitionOf(sysroot: Place): string | null {
  const { sys, fd } = sysroot;
  const usedAt = sys.readText(fd, MOUNTED_AT)?.trim() ?? null;
  const path = bootPartitionOf(sysroot);
  if (path !== null) {
    if ((usedAt !== null || isBootedSysroot(sys, fd)) && !isMounted(sysroot, path)) throw notMounted(path);
    return path;
  }
  // Detection finds nothing in an empty mount point.
  if (usedAt !== null && isLeftToDetection(sysroot) && !isMounted(sysroot, usedAt)) throw notMounted(usedAt);
  return null;
}

/** Remembers that the partition is mounted, if it is: to be called before it is written. */
export function noteMounted({ sys, fd }: Pick<Sysroot, 'sys' | 'fd'>, path: string): void {
  const text = `${path}\n`;
  if (!isMounted({ sys, fd }, path) || sys.readText(fd, MOUNTED_AT) === text) return;
  makeDirectories(sys, fd, 'boot/ostree');
  replaceFile(sys, fd, { path: MOUNTED_AT, text });
}

/** Opened first: an automatic mount point is mounted by that. */
function isMounted({ sys, fd }: Pick<Sysroot, 'sys' | 'fd'>, path: string): boolean {
  try {
    return withBootPartition({ sys, fd }, path, (partition) => {
      const [here, above] = ['.', '..'].map((name) => partition.sys.stat(partition.fd, name));
      return here?.dev !== above?.dev || here?.ino === above?.ino;
    });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    return false;
  }
}

function notMounted(path: string): UserError {
  return new UserError('BOOTLOADER', `the boot partition is not mounted at /${path}`, {
    hint:
      'mount it there; where it is used no longer, set [yum-ostree] boot-partition in /ostree/repo/config ' +
      'to where another is, or to none',
  });
}
