/** The real systemd-boot, in OVMF, starts what we put on its partition. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { VM_BUILD } from './build-cache.ts';
import { BOOKWORM } from './debian-suite.ts';
import { deployedDisk, type DeployedTree } from './deployed-disk.ts';
import { mounted, ourOstree } from './disk-image.ts';
import { distributionKernel } from './kernel.ts';
import { loaderInitramfs, start } from './loaders-machine.ts';
import { plainTree } from './tree.ts';
import { fatPartition, virtualFirmware } from './virtual-firmware.ts';

const LOADER = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi';
const SOURCES = [
  'bootloader/systemd-boot.ts',
  'bootloader/write-boot-partition.ts',
  'test/vm/guest/loader-init.sh',
];
/** Of another system, and first by its sort-key: `default` in loader.conf passes it over. */
const FOREIGN = 'title Other\nsort-key aaa\nlinux /EFI/BOOT/BOOTX64.EFI\n';

/** A FAT file system with systemd-boot and what was written below `directory`. */
async function makePartition(directory: string, image: string): Promise<void> {
  const tree = `${image}.tree`;
  fs.rmSync(tree, { recursive: true, force: true });
  fs.cpSync(directory, tree, { recursive: true });
  fs.mkdirSync(path.join(tree, 'EFI/BOOT'), { recursive: true });
  fs.copyFileSync(LOADER, path.join(tree, 'EFI/BOOT/BOOTX64.EFI'));
  fs.writeFileSync(path.join(tree, 'loader/entries/other.conf'), FOREIGN);
  await fatPartition(tree, image);
  fs.rmSync(tree, { recursive: true });
}

test('the default deployment', async () => {
  expect(fs.existsSync(LOADER), 'Debian package systemd-boot-efi').toBe(true);
  const kernel = await distributionKernel(BOOKWORM);
  const initramfs = path.join(VM_BUILD, 'loader-initramfs-amd64.img');
  fs.writeFileSync(initramfs, await loaderInitramfs(kernel));
  const system = (version: string): DeployedTree => ({
    stateroot: 'small',
    lay: (root) => {
      plainTree(root, { kernel, initramfs, id: 'small', version });
    },
    kernelArguments: ['root=/dev/vdb', 'console=ttyS0', 'panic=-1', 'no_timer_check'],
  });
  const sources = SOURCES.map((file) => fs.readFileSync(path.join(import.meta.dirname, '../..', file)));
  const trees = [system('1'), system('2')];
  const { disk, entries } = await deployedDisk('systemd-boot', [kernel.version, ...sources], trees, {
    shape: { megabytes: 300 },
    finish: async (root) => {
      fs.mkdirSync(path.join(root, 'efi'));
      await ourOstree([`--repo=${root}/ostree/repo`, 'config', 'set', 'yum-ostree.boot-partition', '/efi']);
      await ourOstree([
        'admin',
        'instutil',
        'set-kargs',
        `--sysroot=${root}`,
        '--merge',
        '--append=from=esp',
      ]);
    },
  });
  const image = path.join(VM_BUILD, 'systemd-boot.img');
  await mounted(disk, (root) => makePartition(path.join(root, 'efi'), image));
  const drive = (file: string): string[] => ['-drive', `file=${file},format=raw,if=virtio,snapshot=on`];
  const args = [
    '-machine',
    'q35',
    '-cpu',
    'qemu64',
    ...virtualFirmware('systemd-boot'),
    ...drive(image),
    ...drive(disk),
  ];
  const started = await start('qemu-system-x86_64', args, { name: 'systemd-boot', seconds: 400 });
  expect(started.os).toBe('small 2');
  // It puts the initrd's name before them.
  expect(started.kernelArguments).toContain(entries[0]?.options);
  expect(started.kernelArguments).toContain('from=esp');
});
