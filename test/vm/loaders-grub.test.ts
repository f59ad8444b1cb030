/** The real GRUB, for BIOS and in OVMF, starts what we deployed, by the grub.cfg that we wrote. */
import { expect, test } from 'vitest';
import { BOOKWORM } from './debian-suite.ts';
import { distributionKernel } from './kernel.ts';
import { grubPartition, installGrub } from './install-grub.ts';
import { loaderDisk } from './loader-disk.ts';
import { partitioned, start } from './loaders-machine.ts';
import { virtualFirmware } from './virtual-firmware.ts';

const drive = (file: string): string[] => ['-drive', `file=${file},format=raw,if=virtio,snapshot=on`];

test.each([
  {
    firmware: 'BIOS',
    machine: async (disk: string) => {
      await installGrub(disk);
      return drive(disk);
    },
  },
  {
    firmware: 'EFI',
    machine: async (disk: string) => [
      ...['-machine', 'q35', ...virtualFirmware('grub')],
      ...[...drive(disk), ...drive(await grubPartition('grub-efi'))],
    ],
  },
])('the default deployment, $firmware', async ({ firmware, machine }) => {
  const name = `grub-${firmware.toLowerCase()}`;
  const { disk, entries } = await loaderDisk({
    name: 'grub',
    kernel: await distributionKernel(BOOKWORM),
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'panic=-1', 'no_timer_check'],
    shape: { megabytes: 300 },
    bootloader: 'grub2',
    links: { 'boot/grub/grub.cfg': '../loader/grub.cfg' },
  });
  const args = ['-cpu', 'qemu64', ...(await machine(await partitioned(disk, name)))];
  const started = await start('qemu-system-x86_64', args, { name, seconds: 400 });
  expect(started.os).toBe('small 2');
  expect(started.kernelArguments).toMatch(/^BOOT_IMAGE=\/boot\/ostree\/small-[0-9a-f]{64}\/vmlinuz-/);
  expect(started.kernelArguments.endsWith(entries[0]?.options ?? 'none')).toBe(true);
  expect(started.kernelArguments).toContain('from=loader');
});
