/** The real GRUB for BIOS starts what we deployed, by the grub.cfg that we wrote. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { VM_BUILD } from './build-cache.ts';
import { BOOKWORM } from './debian-suite.ts';
import { deployedDisk, type DeployedTree } from './deployed-disk.ts';
import { ourOstree } from './disk-image.ts';
import { distributionKernel } from './kernel.ts';
import { installGrub } from './install-grub.ts';
import { loaderInitramfs, partitioned, start } from './loaders-machine.ts';
import { plainTree } from './tree.ts';

const SOURCES = ['bootloader/grub.ts', 'test/vm/guest/loader-init.sh'];

test('the default deployment', async () => {
  const kernel = await distributionKernel(BOOKWORM);
  const initramfs = path.join(VM_BUILD, 'loader-initramfs-grub.img');
  fs.writeFileSync(initramfs, await loaderInitramfs(kernel));
  const system = (version: string): DeployedTree => ({
    stateroot: 'small',
    lay: (root) => {
      plainTree(root, { kernel, initramfs, id: 'small', version });
    },
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'panic=-1', 'no_timer_check'],
  });
  const sources = SOURCES.map((file) => fs.readFileSync(path.join(import.meta.dirname, '../..', file)));
  const { disk, entries } = await deployedDisk(
    'grub',
    [kernel.version, ...sources],
    [system('1'), system('2')],
    {
      shape: { megabytes: 300 },
      finish: async (root) => {
        fs.mkdirSync(path.join(root, 'boot/grub'));
        fs.symlinkSync('../loader/grub.cfg', path.join(root, 'boot/grub/grub.cfg'));
        await ourOstree([`--repo=${root}/ostree/repo`, 'config', 'set', 'sysroot.bootloader', 'grub2']);
        await ourOstree([
          'admin',
          'instutil',
          'set-kargs',
          `--sysroot=${root}`,
          '--merge',
          '--append=from=grub',
        ]);
      },
    },
  );
  const image = await partitioned(disk, 'grub');
  await installGrub(image);
  const args = ['-cpu', 'qemu64', '-drive', `file=${image},format=raw,if=virtio,snapshot=on`];
  const started = await start('qemu-system-x86_64', args, { name: 'grub', seconds: 200 });
  expect(started.os).toBe('small 2');
  expect(started.kernelArguments).toMatch(/^BOOT_IMAGE=\/boot\/ostree\/small-[0-9a-f]{64}\/vmlinuz-/);
  expect(started.kernelArguments.endsWith(entries[0]?.options ?? 'none')).toBe(true);
});
