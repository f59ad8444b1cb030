import fs from 'node:fs';
import path from 'node:path';
import { blsValue, parseBls } from '#ostree/format/bls.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');

export interface DiskShape {
  readonly megabytes: number;
  /** mkfs.ext4's -O. */
  readonly features?: string;
}

/** A disk without partitions: one ext4 file system with the label `sysroot` and blocks of 4 KiB, as fs-verity wants them. */
export async function makeDisk(file: string, shape: DiskShape): Promise<void> {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, '');
  fs.truncateSync(file, shape.megabytes * 2 ** 20);
  const features = shape.features === undefined ? [] : ['-O', shape.features];
  await runCommand('mkfs.ext4', ['-q', '-L', 'sysroot', '-b', '4096', ...features, file]);
}

/**
 * Mounts the disk, or the partition that starts at byte `offset`, for the length of `action`. A crash leaves the mount
 * point, mounted, below the temporary folder.
 */
export async function mounted<T>(disk: string, action: (root: string) => Promise<T>, offset = 0): Promise<T> {
  const root = fs.mkdtempSync('/var/tmp/yum-ostree-vm-disk-');
  try {
    await runCommand('mount', ['-o', `loop,offset=${offset}`, disk, root]);
    try {
      return await action(root);
    } finally {
      await runCommand('umount', [root]);
    }
  } finally {
    fs.rmdirSync(root);
  }
}

/** Our `ostree`, from source. */
export async function ourOstree(args: readonly string[]): Promise<string> {
  const program = path.join(REPOSITORY, 'cli/bin/ostree');
  const env = { PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  return (await runCommand(program, args, { env })).stdout;
}

/** What a boot loader starts. */
export interface BootEntry {
  readonly title: string;
  readonly options: string;
  /** The initramfs below `/boot`; null where the entry has none. */
  readonly initrd: string | null;
}

/** The boot entries of a mounted sysroot, the default first. */
export function bootEntries(root: string): BootEntry[] {
  const directory = path.join(root, 'boot/loader/entries');
  return fs
    .readdirSync(directory)
    .map((name) => parseBls(fs.readFileSync(path.join(directory, name), 'utf8')))
    .sort((a, b) => Number(blsValue(b, 'version')) - Number(blsValue(a, 'version')))
    .map((entry) => ({
      title: blsValue(entry, 'title') ?? '',
      options: blsValue(entry, 'options') ?? '',
      initrd: blsValue(entry, 'initrd'),
    }));
}

/** The initramfs that the disk has for an entry; empty where it has none. */
export async function deployedInitramfs(disk: string, entry: BootEntry | undefined): Promise<Buffer> {
  const initrd = entry?.initrd ?? null;
  if (initrd === null) return Buffer.alloc(0);
  return await mounted(disk, (root) => Promise.resolve(fs.readFileSync(path.join(root, 'boot', initrd))));
}
