/** Puts the real GRUB on a disk. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { VM_BUILD } from './build-cache.ts';
import { fatPartition } from './virtual-firmware.ts';

const MODULES = [
  ...['part_msdos', 'ext2', 'normal', 'linux', 'configfile', 'serial', 'terminal', 'gzio'],
  ...['true', 'test', 'echo', 'search', 'loadenv'],
];

/** GRUB's boot sector and core image in front of the first partition, for BIOS. */
export async function installGrub(disk: string): Promise<void> {
  const core = `${disk}.core`;
  const { boot } = await makeImage('i386-pc', core, ['-p', '(hd0,msdos1)/boot/grub', 'biosdisk']);
  const fd = fs.openSync(disk, 'r+');
  fs.writeSync(fd, fs.readFileSync(boot), 0, 440, 0);
  fs.writeSync(fd, fs.readFileSync(core), 0, undefined, 512);
  fs.closeSync(fd);
}

/** An EFI system partition with GRUB, which goes on with the configuration on the file system with the label `sysroot`. */
export async function grubPartition(name: string): Promise<string> {
  const image = path.join(VM_BUILD, `${name}.esp`);
  const tree = fs.mkdtempSync(`${image}.tree-`);
  const first = `${image}.cfg`;
  fs.writeFileSync(first, 'search --no-floppy --label sysroot --set=root\nset prefix=($root)/boot/grub\n');
  fs.mkdirSync(path.join(tree, 'EFI/BOOT'), { recursive: true });
  await makeImage('x86_64-efi', path.join(tree, 'EFI/BOOT/BOOTX64.EFI'), [
    ...['-p', '/none', '-c', first],
    ...['part_gpt', 'fat', 'search_label'],
  ]);
  await fatPartition(tree, image);
  fs.rmSync(tree, { recursive: true });
  return image;
}

async function makeImage(
  platform: string,
  output: string,
  words: readonly string[],
): Promise<{ boot: string }> {
  const directory = `/usr/lib/grub/${platform}`;
  if (!fs.existsSync(path.join(directory, 'normal.mod')))
    throw new UserError('COMMAND_MISSING', `${directory} is not there`, {
      hint: `Debian package ${platform === 'i386-pc' ? 'grub-pc-bin' : 'grub-efi-amd64-bin'}`,
    });
  await runCommand('grub-mkimage', ['-d', directory, '-O', platform, '-o', output, ...words, ...MODULES]);
  return { boot: path.join(directory, 'boot.img') };
}
