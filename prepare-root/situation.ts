/** What a person needs to know to mend a boot: read after it failed, and never a reason to fail again. */
import { readBootLinks, type BootLinks } from '#prepare-root/boot-links.ts';
import { findOstreeTarget, kernelArgument } from '#prepare-root/cmdline.ts';
import { kernelCommandLine, resolvePath, type FactOptions } from '#prepare-root/facts.ts';
import { parseMountTable, type MountLine } from '#ostree/format/mount-table.ts';
import { unlessFailing } from '#prepare-root/unless-failing.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';

export interface Situation {
  /** Where the physical root should be mounted. */
  readonly sysroot: string;
  /** What the kernel command line names; null for nothing. */
  readonly target: string | null;
  /** `root=` of the kernel command line. */
  readonly root: string | null;
  /** `rootfstype=` names a file system that the kernel has no driver for. */
  readonly unknownType: string | null;
  /** What is mounted at `sysroot`; null for nothing. */
  readonly mount: MountLine | null;
  /** Whether there is a device that `root=` names; null where it cannot be told. */
  readonly rootDevice: boolean | null;
  /** What `root=` could name: 'LABEL=x', 'UUID=x'. */
  readonly devices: readonly string[];
  /** Disks and partitions that the kernel knows, by name. */
  readonly disks: readonly string[];
  readonly links: BootLinks;
}

const NO_LINKS: BootLinks = { ostree: false, links: [], unlinked: [], menu: [] };

/** What cannot be read is taken for not there. */
export function readSituation(sys: Syscalls, options: FactOptions): Situation {
  const cmdline = options.cmdline ?? unlessFailing('', () => kernelCommandLine(sys));
  const sysroot = unlessFailing(options.sysroot, () => resolvePath(sys, options.sysroot));
  const root = kernelArgument(cmdline, 'root');
  return {
    sysroot,
    target: unlessFailing(null, () => findOstreeTarget(cmdline)),
    root,
    unknownType: unknownType(sys, kernelArgument(cmdline, 'rootfstype')),
    mount: mountAt(sys, sysroot),
    rootDevice: root === null ? null : hasDevice(sys, root),
    devices: ['label', 'uuid'].flatMap((kind) =>
      namesIn(sys, `/dev/disk/by-${kind}`).map((name) => `${kind.toUpperCase()}=${name}`),
    ),
    disks: namesIn(sys, '/sys/class/block').filter((name) => !isVirtual(name)),
    links: unlessFailing(NO_LINKS, () => readBootLinks(sys, sysroot)),
  };
}

/** The mount that holds `sysroot`, where it is not that of the initramfs. */
function mountAt(sys: Syscalls, sysroot: string): MountLine | null {
  const mounts = parseMountTable(
    unlessFailing('', () => sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? ''),
  );
  return mounts.findLast((mount) => mount.point === sysroot) ?? null;
}

function unknownType(sys: Syscalls, types: string | null): string | null {
  const known = unlessFailing(null, () => sys.readText(AT_FDCWD, '/proc/filesystems'));
  if (types === null || known === null) return null;
  const names = known.split('\n').map((line) => line.slice(line.indexOf('\t') + 1));
  return types.split(',').some((type) => names.includes(type)) ? null : types;
}

function hasDevice(sys: Syscalls, root: string): boolean | null {
  if (root.startsWith('/dev/')) return isThere(sys, root);
  const equals = root.indexOf('=');
  const kind = root.slice(0, Math.max(equals, 0));
  // Without udev there are no such names, and nothing can be told.
  if (!['LABEL', 'UUID', 'PARTUUID', 'PARTLABEL'].includes(kind) || !isThere(sys, '/dev/disk')) return null;
  return isThere(sys, `/dev/disk/by-${kind.toLowerCase()}/${root.slice(equals + 1)}`);
}

function isThere(sys: Syscalls, path: string): boolean {
  return unlessFailing(false, () => sys.stat(AT_FDCWD, path) !== null);
}

function isVirtual(name: string): boolean {
  return ['loop', 'ram', 'zram'].some((kind) => name.startsWith(kind));
}

function namesIn(sys: Syscalls, directory: string): string[] {
  return unlessFailing([], () => sys.readdir(AT_FDCWD, directory).map((entry) => entry.name));
}
