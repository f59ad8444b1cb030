/** Puts the real extlinux on a disk. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { mounted } from './disk-image.ts';
import { PARTITION_OFFSET } from './loaders-machine.ts';

const BOOT_SECTOR = '/usr/lib/syslinux/mbr/mbr.bin';
/** syslinux 6.04 does not read what mkfs.ext4 makes by itself. */
export const EXTLINUX_FEATURES = '^metadata_csum,^64bit';

/** extlinux in a directory of the first partition, and the boot sector that leads to it. */
export async function installExtlinux(disk: string, directory: string): Promise<void> {
  if (!fs.existsSync(BOOT_SECTOR))
    throw new UserError('COMMAND_MISSING', `${BOOT_SECTOR} is not there`, {
      hint: 'Debian packages extlinux and syslinux-common',
    });
  await mounted(
    disk,
    async (root) => {
      await runCommand('extlinux', ['--install', path.join(root, directory)]);
    },
    PARTITION_OFFSET,
  );
  const fd = fs.openSync(disk, 'r+');
  fs.writeSync(fd, fs.readFileSync(BOOT_SECTOR), 0, 440, 0);
  fs.closeSync(fd);
}
