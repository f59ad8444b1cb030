/** A disk as a file, with a partition table of the old kind and a file system in each partition. */
import fs from 'node:fs';
import { run } from '../root/sysroot-fixture.ts';

export type FileSystem = 'ext4' | 'plain ext4' | 'xfs' | 'vfat';

export interface Partition {
  readonly type: FileSystem;
  /** Bytes. */
  readonly start: number;
  readonly size: number;
}

const SECTOR = 512;
const MIB = 2 ** 20;
/** Of one partition, in MiB. */
const SIZES: Readonly<Record<FileSystem, number>> = { ext4: 64, 'plain ext4': 64, xfs: 96, vfat: 34 };
const MAKE: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-b', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  // As boards have it: U-Boot 2023.01 knows not all of the features that there are by default.
  'plain ext4': [
    'mkfs.ext4',
    '-q',
    '-b',
    '4096',
    '-O',
    '^metadata_csum,^64bit',
    '-E',
    'lazy_itable_init=0,lazy_journal_init=0',
  ],
  // By itself it makes none below 300 MiB, which are the same in all but their size.
  xfs: ['mkfs.xfs', '--unsupported', '-q', '-f', '-K', '-l', 'size=8m'],
  vfat: ['mkfs.vfat', '-F', '32', '-s', '1'],
};

const MOUNT: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ['-t', 'ext4'],
  'plain ext4': ['-t', 'ext4'],
  // Copies of one disk have the same identity.
  xfs: ['-t', 'xfs', '-o', 'nouuid'],
  vfat: ['-t', 'vfat'],
};

/** Makes the disk: the partitions behind each other, from the first MiB. */
export function makePartitionedDisk(file: string, types: readonly FileSystem[]): Partition[] {
  const table = Buffer.alloc(SECTOR);
  table.writeUInt16LE(0xaa55, 510);
  const partitions: Partition[] = [];
  let start = MIB;
  for (const [index, type] of types.entries()) {
    const size = SIZES[type] * MIB;
    const entry = 446 + index * 16;
    table.writeUInt8(type === 'vfat' ? 0x0c : 0x83, entry + 4);
    table.writeUInt32LE(start / SECTOR, entry + 8);
    table.writeUInt32LE(size / SECTOR, entry + 12);
    partitions.push({ type, start, size });
    start += size;
  }
  fs.writeFileSync(file, table);
  fs.truncateSync(file, start);
  for (const partition of partitions)
    withDevice(file, partition, (device) => makeFileSystem(partition, device));
  return partitions;
}

function makeFileSystem({ type }: Partition, device: string): void {
  const [program = '', ...args] = MAKE[type];
  run(program, [...args, device]);
}

/** Runs `action` with a loop device of the partition. */
export function withDevice<T>(file: string, partition: Partition, action: (device: string) => T): T {
  const device = attach(file, partition);
  try {
    return action(device);
  } finally {
    run('losetup', ['-d', device]);
  }
}

function attach(file: string, { start, size }: Partition): string {
  return run('losetup', ['-f', '--show', `--offset=${start}`, `--sizelimit=${size}`, file]).trim();
}

export interface MountedDisk {
  readonly root: string;
  readonly unmount: () => void;
}

/**
 * VFAT, which not every kernel has, is left alone. Mounts the last partition at `root`, and one before it at `root`/boot. What a power cut left is played back from the
 * journal, as at a boot.
 */
export function mountDisk(file: string, partitions: readonly Partition[], root: string): MountedDisk {
  const undo: (() => void)[] = [];
  const unmount = (): void => {
    for (const step of undo.splice(0).reverse()) step();
  };
  try {
    for (const [index, partition] of partitions
      .filter(({ type }) => type !== 'vfat')
      .reverse()
      .entries()) {
      const place = index === 0 ? root : `${root}/boot`;
      fs.mkdirSync(place, { recursive: true });
      const device = attach(file, partition);
      undo.push(() => run('losetup', ['-d', device]));
      run('mount', [...MOUNT[partition.type], device, place]);
      undo.push(() => run('umount', [place]));
    }
    return { root, unmount };
  } catch (error) {
    unmount();
    throw error;
  }
}
