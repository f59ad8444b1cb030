/**
 * The real U-Boot (Debian's for QEMU's arm64 machine) starts what we deployed: by extlinux.conf, by boot.scr, and by uEnv.txt
 * with the script for a board's own environment that docs/u-boot.md has.
 */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { BOOKWORM_ARM64, unpacked } from './debian-suite.ts';
import { distributionKernel } from './kernel.ts';
import { loaderDisk } from './loader-disk.ts';
import { partitioned, start, type PowerOn } from './loaders-machine.ts';

const UBOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const DOCUMENT = path.join(import.meta.dirname, '../../docs/u-boot.md');

/** Somebody stops the automatic boot, and types the lines of the document. */
function typedLines(): PowerOn['typed'] {
  const script = /^```\n(load .*?)^```$/ms.exec(fs.readFileSync(DOCUMENT, 'utf8'))?.[1] ?? '';
  expect(script).toContain('uEnv.txt');
  const place = ['setenv devtype virtio', 'setenv devnum 0', 'setenv distro_bootpart 1'];
  const lines = ['', ...place, ...script.trimEnd().split('\n')];
  return { at: /Hit any key/, text: lines.map((line) => `${line}\r`).join('') };
}

test.each([
  {
    kind: 'extlinux',
    loader: {
      bootloader: 'none',
      links: { 'boot/extlinux/extlinux.conf': '../loader/extlinux.conf' },
    },
    said: 'extlinux.conf',
  },
  {
    kind: 'script',
    loader: { bootloader: 'none', links: { 'boot/boot.scr': 'loader/boot.scr' } },
    said: 'boot.scr',
  },
  {
    kind: 'uEnv',
    loader: { bootloader: 'uboot', files: { 'boot/loader/uEnv.txt': '' } },
    said: '/boot/loader/uEnv.txt',
    typed: typedLines(),
  },
])('$kind', async ({ kind, loader, said, typed }) => {
  expect(fs.existsSync(UBOOT), 'Debian package u-boot-qemu').toBe(true);
  const packages = await unpacked(BOOKWORM_ARM64, 'busybox', ['busybox-static']);
  const name = `uboot-${kind}`;
  const { disk, entries } = await loaderDisk({
    ...{ name, ...loader },
    kernel: await distributionKernel(BOOKWORM_ARM64),
    busybox: path.join(packages, 'usr/bin/busybox'),
    kernelArguments: ['root=/dev/vda1', 'console=ttyAMA0', 'panic=-1'],
    // Of the features that mkfs.ext4 takes, this U-Boot (2023.01) knows not all.
    shape: { megabytes: 400, features: '^metadata_csum,^64bit' },
  });
  const image = await partitioned(disk, name);
  const machine = ['-machine', 'virt', '-cpu', 'cortex-a57', '-bios', UBOOT];
  const drive = ['-drive', `file=${image},format=raw,if=virtio,snapshot=on`];
  const started = await start('qemu-system-aarch64', [...machine, ...drive], {
    ...{ name, seconds: 400 },
    ...(typed === undefined ? {} : { typed }),
  });
  expect(started.os).toBe('small 2');
  expect(started.kernelArguments).toBe(entries[0]?.options);
  expect(started.kernelArguments).toContain('from=loader');
  expect(started.console).toContain(said);
});
