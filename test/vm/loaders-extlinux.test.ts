/** The real extlinux starts what we deployed, by the syslinux.cfg that we wrote. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { BOOKWORM } from './debian-suite.ts';
import { mounted } from './disk-image.ts';
import { distributionKernel } from './kernel.ts';
import { loaderDisk } from './loader-disk.ts';
import { partitioned, PARTITION_OFFSET, start } from './loaders-machine.ts';

const BOOT_SECTOR = '/usr/lib/syslinux/mbr/mbr.bin';

/** extlinux in a directory of the first partition, and the boot sector that leads to it. */
async function installExtlinux(disk: string, directory: string): Promise<void> {
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

test.each([
  { bootloader: 'syslinux', link: 'boot/syslinux/syslinux.cfg', target: '../loader/syslinux.cfg' },
  { bootloader: 'none', link: 'boot/extlinux/extlinux.conf', target: '../loader/extlinux.conf' },
])('the default deployment, $link', async ({ bootloader, link, target }) => {
  const directory = path.dirname(link);
  const name = path.basename(directory);
  const { disk, entries } = await loaderDisk({
    name,
    kernel: await distributionKernel(BOOKWORM),
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'panic=-1', 'no_timer_check'],
    // syslinux 6.04 does not read what mkfs.ext4 makes by itself.
    shape: { megabytes: 300, features: '^metadata_csum,^64bit' },
    bootloader,
    links: { [link]: target },
    files: { [link]: 'SERIAL 0 115200\nTIMEOUT 10\n' },
  });
  const image = await partitioned(disk, name);
  await installExtlinux(image, directory);
  const args = ['-cpu', 'qemu64', '-drive', `file=${image},format=raw,if=virtio,snapshot=on`];
  const started = await start('qemu-system-x86_64', args, { name, seconds: 200 });
  expect(started.os).toBe('small 2');
  expect(started.kernelArguments).toContain(entries[0]?.options);
  expect(started.kernelArguments).toContain('from=loader');
});
