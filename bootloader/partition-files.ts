/** Files on a boot partition: VFAT has no owners, modes, links or atomic renames. */
import type { BootPartition } from '#bootloader/boot-partition.ts';
import type { PartitionKernel } from '#bootloader/systemd-boot.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { copyBytes } from '#ostree/sysroot/copy-file.ts';
import { INITRD_OVERLAYS } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories } from '#ostree/sysroot/write-file.ts';

/** Directories and files with kernels that no file of `used` lies in; relative to the partition. */
export function unusedKernels({ sys, fd }: BootPartition, used: readonly string[]): string[] {
  if (sys.stat(fd, 'ostree') === null) return [];
  const directories = new Set(used.map((target) => target.split('/')[1]));
  const kernels = sys
    .readdir(fd, 'ostree')
    .filter(({ name }) => isChecksum(name) && !directories.has(name))
    .map(({ name }) => `ostree/${name}`);
  if (sys.stat(fd, INITRD_OVERLAYS) === null) return kernels;
  const overlays = sys.readdir(fd, INITRD_OVERLAYS).map(({ name }) => `${INITRD_OVERLAYS}/${name}`);
  return [...kernels, ...overlays.filter((file) => !used.includes(file))];
}

/** A crash leaves some of them. */
export function removeUnusedKernels(partition: BootPartition, used: readonly string[]): void {
  for (const path of unusedKernels(partition, used)) partition.sys.removeTree(partition.fd, path);
}

/** A crash leaves a part of it, which no entry names. */
export function copyKernel({ sys, fd }: Sysroot, partition: BootPartition, file: PartitionKernel): void {
  const { source, target } = file;
  makeDirectories(partition.sys, partition.fd, target.slice(0, target.lastIndexOf('/')));
  const from = sys.open(fd, source, ['read']);
  try {
    const to = partition.sys.open(partition.fd, target, ['write', 'create', 'truncate'], 0o644);
    try {
      copyBytes(sys, from, to);
    } finally {
      partition.sys.close(to);
    }
  } finally {
    sys.close(from);
  }
}

export function write({ sys, fd }: BootPartition, path: string, content: Uint8Array | string): void {
  const opened = sys.open(fd, path, ['write', 'create', 'truncate'], 0o644);
  try {
    sys.write(opened, content);
  } finally {
    sys.close(opened);
  }
}

/** In place: neither the directory nor the allocation table changes. */
export function overwrite({ sys, fd }: BootPartition, path: string, start: Uint8Array): void {
  const opened = sys.open(fd, path, ['write']);
  try {
    sys.write(opened, start);
  } finally {
    sys.close(opened);
  }
}

/** '' for a file that a power cut left unreadable. */
export function readDamaged({ sys, fd }: Pick<BootPartition, 'sys' | 'fd'>, path: string): string {
  try {
    return sys.readText(fd, path) ?? '';
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return '';
  }
}
