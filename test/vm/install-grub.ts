/** Puts the real GRUB for BIOS on a disk. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

const GRUB = '/usr/lib/grub/i386-pc';
const MODULES = [
  'biosdisk',
  'part_msdos',
  'ext2',
  'normal',
  'linux',
  'configfile',
  'serial',
  'terminal',
  'gzio',
];
/** GRUB's boot sector and core image in front of the first partition. */
export async function installGrub(disk: string): Promise<void> {
  if (!fs.existsSync(path.join(GRUB, 'boot.img')))
    throw new UserError('COMMAND_MISSING', `${GRUB} is not there`, { hint: 'Debian package grub-pc-bin' });
  const core = `${disk}.core`;
  const args = ['-d', GRUB, '-O', 'i386-pc', '-p', '(hd0,msdos1)/boot/grub', '-o', core];
  await runCommand('grub-mkimage', [...args, ...MODULES, 'true', 'test', 'echo', 'search', 'loadenv']);
  const fd = fs.openSync(disk, 'r+');
  fs.writeSync(fd, fs.readFileSync(path.join(GRUB, 'boot.img')), 0, 440, 0);
  fs.writeSync(fd, fs.readFileSync(core), 0, undefined, 512);
  fs.closeSync(fd);
}
