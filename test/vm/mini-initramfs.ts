import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { CpioFile } from '#test/fixtures/cpio.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { EXECUTABLE, executable, filesPart, symlink } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { moduleFiles } from './kernel.ts';

/** What a disk, its file system and all modes of prepare-root need. */
export const BOOT_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_mmio', 'ext4', 'overlay', 'erofs', 'loop'];

export const GUEST = path.join(import.meta.dirname, 'guest');

/**
 * The smallest initramfs that boots a deployment: a shell, the drivers and a script that does what a generated
 * initramfs does (guest/mini-init.sh); seconds faster than one with systemd. The program is another part.
 */
export async function miniInitramfs(
  kernel: Kernel,
  busybox = '/bin/busybox',
  moreModules: readonly string[] = [],
): Promise<InitramfsPart> {
  const modules = (await moduleFiles(kernel, [...BOOT_MODULES, ...moreModules])).map((file) => ({
    name: path.basename(file).replace(/\.xz$/, ''),
    bytes: file.endsWith('.xz')
      ? execFileSync('xz', ['-dc', file], { maxBuffer: 2 ** 26 })
      : fs.readFileSync(file),
  }));
  const files: CpioFile[] = [
    ...['proc', 'sys', 'dev', 'run', 'sysroot', 'tmp'].map((name) => ({ name, text: '', mode: 0o040755 })),
    executable('usr/bin/busybox', busybox),
    symlink('usr/bin/sh', 'busybox'),
    ...['bin', 'lib', 'lib64'].map((name) => symlink(name, `usr/${name}`)),
    { name: 'init', text: fs.readFileSync(path.join(GUEST, 'mini-init.sh')), mode: EXECUTABLE },
    { name: 'modules/order', text: modules.map(({ name }) => `${name}\n`).join('') },
    ...modules.map(({ name, bytes }) => ({ name: `modules/${name}`, text: bytes })),
  ];
  return filesPart(files);
}
