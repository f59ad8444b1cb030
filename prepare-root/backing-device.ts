/** The block device below the physical root, for `/run/systemd/volatile-root` (systemd's gpt-auto looks for it there). */
import { parseMountTable } from '#ostree/format/mount-table.ts';
import { AT_FDCWD, S, type Syscalls } from '#native/syscalls.ts';

/** '/dev/block/MAJOR:MINOR'; null where it is no block device, or more than one. */
export function backingDevice(sys: Syscalls, sysroot: string): string | null {
  const number =
    blockDevice(sys, '/dev/gpt-auto-root') ?? ownDevice(sys, sysroot) ?? btrfsDevice(sys, sysroot);
  return number === null ? null : `/dev/block/${number}`;
}

/** The number of a device file. */
function blockDevice(sys: Syscalls, path: string): string | null {
  const stat = sys.stat(AT_FDCWD, path);
  return stat !== null && (stat.mode & S.IFMT) === S.IFBLK ? numberOf(stat.rdev) : null;
}

/** Major 0 are file systems without a device, or (btrfs) with a number of their own. */
function ownDevice(sys: Syscalls, sysroot: string): string | null {
  const number = numberOf(sys.stat(AT_FDCWD, sysroot)?.dev ?? 0);
  return number.startsWith('0:') ? null : number;
}

function btrfsDevice(sys: Syscalls, sysroot: string): string | null {
  const mount = parseMountTable(sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? '').findLast(
    ({ point }) => point === sysroot,
  );
  const number = mount?.type === 'btrfs' ? blockDevice(sys, mount.source) : null;
  const link = number === null ? null : sys.readlink(AT_FDCWD, `/sys/dev/block/${number}`);
  if (link === null) return null;
  const name = link.slice(link.lastIndexOf('/') + 1);
  const members = sys
    .readdir(AT_FDCWD, '/sys/fs/btrfs')
    .map((entry) => `/sys/fs/btrfs/${entry.name}/devices`)
    .find((devices) => sys.stat(AT_FDCWD, `${devices}/${name}`) !== null);
  return members !== undefined && sys.readdir(AT_FDCWD, members).length === 1 ? number : null;
}

/** 'MAJOR:MINOR' of a dev_t (makedev(3)). */
function numberOf(device: number): string {
  const high = Math.floor(device / 2 ** 32);
  const low = device % 2 ** 32;
  const major = ((low >>> 8) & 0xfff) | (high & ~0xfff);
  const minor = (low & 0xff) | ((low >>> 12) & ~0xff) | ((high & 0xfff) << 20);
  return `${major}:${minor >>> 0}`;
}
