/** The real extlinux starts what we deployed, by the syslinux.cfg that we wrote. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { BOOKWORM } from './debian-suite.ts';
import { EXTLINUX_FEATURES, installExtlinux } from './install-extlinux.ts';
import { distributionKernel } from './kernel.ts';
import { loaderDisk } from './loader-disk.ts';
import { partitioned, start } from './loaders-machine.ts';

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
    shape: { megabytes: 300, features: EXTLINUX_FEATURES },
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
