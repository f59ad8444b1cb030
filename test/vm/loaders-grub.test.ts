/** The real GRUB for BIOS starts what we deployed, by the grub.cfg that we wrote. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '#test/fixtures/run-command.ts';
import { VM_BUILD } from './build-cache.ts';
import { BOOKWORM } from './debian-suite.ts';
import { deployedDisk, type DeployedTree } from './deployed-disk.ts';
import { ourOstree } from './disk-image.ts';
import { distributionKernel } from './kernel.ts';
import { loaderInitramfs, partitioned, start } from './loaders-machine.ts';
import { plainTree } from './tree.ts';

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
const SOURCES = ['bootloader/grub.ts', 'test/vm/guest/loader-init.sh'];

/** GRUB's boot sector and core image in front of the first partition. */
async function installGrub(disk: string): Promise<void> {
  const core = `${disk}.core`;
  const args = ['-d', GRUB, '-O', 'i386-pc', '-p', '(hd0,msdos1)/boot/grub', '-o', core];
  await runCommand('grub-mkimage', [...args, ...MODULES, 'true', 'test', 'echo', 'search', 'loadenv']);
  const fd = fs.openSync(disk, 'r+');
  fs.writeSync(fd, fs.readFileSync(path.join(GRUB, 'boot.img')), 0, 440, 0);
  fs.writeSync(fd, fs.readFileSync(core), 0, undefined, 512);
  fs.closeSync(fd);
}

test('the default deployment', async () => {
  expect(fs.existsSync(path.join(GRUB, 'boot.img')), 'Debian package grub-pc-bin').toBe(true);
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
