/** The real U-Boot (Debian's for QEMU's arm64 machine) starts what we deployed, by extlinux.conf and by boot.scr. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { BOOKWORM_ARM64, unpacked } from './debian-suite.ts';
import { deployedDisk, type DeployedTree } from './deployed-disk.ts';
import { ourOstree } from './disk-image.ts';
import { distributionKernel } from './kernel.ts';
import { loaderInitramfs, partitioned, start } from './loaders-machine.ts';
import { plainTree } from './tree.ts';

const UBOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const SOURCES = ['bootloader/boot-script.ts', 'bootloader/extlinux.ts', 'test/vm/guest/loader-init.sh'];

test.each([
  {
    kind: 'extlinux',
    directory: 'boot/extlinux',
    link: 'boot/extlinux/extlinux.conf',
    target: '../loader/extlinux.conf',
    said: 'extlinux.conf',
  },
  { kind: 'script', directory: 'boot', link: 'boot/boot.scr', target: 'loader/boot.scr', said: 'boot.scr' },
])('$kind', async ({ kind, directory, link, target, said }) => {
  expect(fs.existsSync(UBOOT), 'Debian package u-boot-qemu').toBe(true);
  const kernel = await distributionKernel(BOOKWORM_ARM64);
  const packages = await unpacked(BOOKWORM_ARM64, 'busybox', ['busybox-static']);
  const busybox = path.join(packages, 'usr/bin/busybox');
  const initramfs = path.join(packages, '../loader-initramfs.img');
  fs.writeFileSync(initramfs, await loaderInitramfs(kernel, busybox));
  const system = (version: string): DeployedTree => ({
    stateroot: 'small',
    lay: (root) => {
      plainTree(root, { kernel, initramfs, id: 'small', version, busybox });
    },
    kernelArguments: ['root=/dev/vda1', 'console=ttyAMA0', 'panic=-1'],
  });
  const sources = SOURCES.map((file) => fs.readFileSync(path.join(import.meta.dirname, '../..', file)));
  const { disk, entries } = await deployedDisk(
    `uboot-${kind}`,
    [kernel.version, ...sources],
    [system('1'), system('2')],
    {
      // Of the features that mkfs.ext4 takes, this U-Boot (2023.01) knows not all.
      shape: { megabytes: 400, features: '^metadata_csum,^64bit' },
      finish: async (root) => {
        fs.mkdirSync(path.join(root, directory), { recursive: true });
        fs.symlinkSync(target, path.join(root, link));
        await ourOstree([
          'admin',
          'instutil',
          'set-kargs',
          `--sysroot=${root}`,
          '--merge',
          '--append=from=uboot',
        ]);
      },
    },
  );
  const image = await partitioned(disk, `uboot-${kind}`);
  const machine = ['-machine', 'virt', '-cpu', 'cortex-a57', '-bios', UBOOT];
  const drive = ['-drive', `file=${image},format=raw,if=virtio,snapshot=on`];
  const started = await start('qemu-system-aarch64', [...machine, ...drive], {
    name: `uboot-${kind}`,
    seconds: 400,
  });
  expect(started.os).toBe('small 2');
  expect(started.kernelArguments).toBe(entries[0]?.options);
  expect(started.kernelArguments).toContain('from=uboot');
  expect(started.console).toContain(said);
});
