/**
 * Automatic fallback with the real GRUB (BIOS; also as it counts on Fedora), extlinux and U-Boot (arm64, by boot.scr, its environment in flash): an
 * upgrade that is good stays, a rollback leads back, and a deployment that panics gives way to the old one by itself.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withOnError } from '#bootloader/fallback-syslinux.ts';
import { UserError } from '#ostree/format/errors.ts';
import { VM_BUILD } from './build-cache.ts';
import { COUNTING_CONFIG, writeCountingConfig, writeEntryMenu } from './counting-grub.ts';
import { BOOKWORM, BOOKWORM_ARM64, TRIXIE, unpacked } from './debian-suite.ts';
import {
  deploymentOf,
  fallbackMachine,
  onThatMachine,
  TRIES,
  type FallbackMachine,
  type Installed,
  type Loader,
} from './fallback-machine.ts';
import { EXTLINUX_FEATURES, installExtlinux } from './install-extlinux.ts';
import { installGrub } from './install-grub.ts';
import { distributionKernel } from './kernel.ts';
import { mounted } from './disk-image.ts';
import { PARTITION_OFFSET, powerOn } from './loaders-machine.ts';

/** Of the lines with a word before them. */
function lines(start: readonly string[] | undefined, word: string): string[] {
  return (start ?? []).flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
}

function booted(starts: readonly (readonly string[])[]): string[] {
  return starts.map((start) => lines(start, 'booted').join());
}

/** @param limit seconds for each start */
async function upgradeAndRollback(machine: FallbackMachine, limit: number, script?: string): Promise<void> {
  await machine.deploy('2', '1', script);
  const upgraded = await machine.run('upgrade', limit);
  expect(booted(upgraded)).toEqual(['2']);
  expect(lines(upgraded[0], 'said').join('\n')).toMatch(/^[0-9a-f]{64}\.0 is good$/);
  expect(lines(upgraded[0], 'status')).toContain('    Boot: good');
  expect(lines(upgraded[0], 'fsck')).toEqual([]);
  await machine.once('yum-ostree-boot rollback');
  const rolledBack = [
    ...(await machine.run('rollback', limit)),
    ...(await machine.run('rolled-back', limit)),
  ];
  expect(booted(rolledBack)).toEqual(['2', '1']);
}

async function fallBack(machine: FallbackMachine, limit: number, tries = TRIES): Promise<void> {
  const starts = await machine.run('bad', limit);
  expect(booted(starts)).toEqual([...Array.from({ length: tries }, () => '3'), '1']);
  const { bad, old } = await machine.change((root) => ({
    bad: path.basename(deploymentOf(root, '3')),
    old: path.basename(deploymentOf(root, '1')),
  }));
  expect(lines(starts.at(-1), 'said')).toContain(`${bad} has failed; ${old}, which runs, is the default now`);
  expect(lines(starts.at(-1), 'status')).toContain('    Boot: failed');
  expect(lines(starts.at(-1), 'fsck')).toEqual([]);
  expect(booted(await machine.run('after', limit))).toEqual(['1']);
}

/** @returns what booted at each start until the deployment whose kernel cannot be started is said to have failed */
async function withoutKernel(machine: FallbackMachine, limit: number): Promise<string[]> {
  const starts: string[][] = [];
  do {
    starts.push(...(await machine.run(`kernel-${starts.length}`, limit)));
  } while (!lines(starts.at(-1), 'status').includes('    Boot: failed') && starts.length <= 2 * TRIES);
  return booted(starts);
}

test('GRUB', async () => {
  const kernel = await distributionKernel(BOOKWORM);
  const machine = await fallbackMachine({
    name: 'grub',
    kernel,
    busybox: '/bin/busybox',
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'quiet', 'panic=-1', 'no_timer_check'],
    bootloader: 'grub2',
    etc: {},
    link: { at: 'boot/grub/grub.cfg', target: '../loader/grub.cfg' },
    install: async (disk) => {
      await installGrub(disk);
      return { program: 'qemu-system-x86_64', args: ['-cpu', 'qemu64'], drives: [] };
    },
  });
  await upgradeAndRollback(machine, 300);
  await machine.deploy('3', '1');
  await fallBack(machine, 300);
  await machine.deploy('4', '1');
  // At each start GRUB goes on with the other entry, which sees after the last try that none is left.
  expect(await withoutKernel(machine, 300)).toEqual(['1', '1']);
});

test('GRUB that makes its menu from the entries, and counts as on Fedora', async () => {
  const kernel = await distributionKernel(BOOKWORM);
  const machine = await fallbackMachine({
    name: 'grub-counting',
    kernel,
    busybox: '/bin/busybox',
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'quiet', 'panic=-1', 'no_timer_check'],
    bootloader: 'none',
    etc: {},
    link: { at: 'boot/grub/grub.cfg', target: path.basename(COUNTING_CONFIG) },
    before: writeEntryMenu,
    install: async (disk) => {
      await installGrub(disk);
      await mounted(disk, (root) => Promise.resolve(writeCountingConfig(root)), PARTITION_OFFSET);
      return { program: 'qemu-system-x86_64', args: ['-cpu', 'qemu64'], drives: [] };
    },
  });
  await upgradeAndRollback(machine, 300);
  await machine.deploy('3', '1');
  await fallBack(machine, 300);
});

test('syslinux', async () => {
  const kernel = await distributionKernel(BOOKWORM);
  const directory = 'boot/syslinux';
  const machine = await fallbackMachine({
    name: 'syslinux',
    kernel,
    busybox: '/bin/busybox',
    kernelArguments: ['root=/dev/vda1', 'console=ttyS0', 'quiet', 'panic=-1', 'no_timer_check'],
    bootloader: 'syslinux',
    features: EXTLINUX_FEATURES,
    etc: {},
    link: { at: `${directory}/syslinux.cfg`, target: '../loader/syslinux.cfg' },
    install: async (disk) => {
      await installExtlinux(disk, directory);
      return { program: 'qemu-system-x86_64', args: ['-cpu', 'qemu64'], drives: [] };
    },
  });
  await upgradeAndRollback(machine, 300);
  await machine.deploy('3', '1');
  await fallBack(machine, 300, 1);
  await machine.deploy('4', '1');
  // syslinux goes on with the default at once, and it was the only try.
  expect(await withoutKernel(machine, 300)).toEqual(['1']);
  // As a deploy leaves it that was cut off before its list.
  await machine.change((root) => {
    const file = path.join(root, 'boot/loader/syslinux.cfg');
    fs.writeFileSync(file, withOnError(fs.readFileSync(file, 'utf8')));
    return spawnSync('extlinux', ['--once=ostree:trial-abc', path.join(root, directory)]).status;
  });
  expect(booted(await machine.run('cut-off', 300))).toEqual(['1']);
});

const UBOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const ENVIRONMENT = path.join(VM_BUILD, 'fallback-uboot.env');
const ENVIRONMENT_SIZE = '0x40000';
/** Of QEMU's two. */
const FLASH_SIZE = 64 * 2 ** 20;

/** Of Debian 13: before version 9 only the first block of a flash took what U-Boot writes to it (`saveenv`). */
async function newerQemu(): Promise<{ program: string; before: string[] }> {
  const root = await unpacked(TRIXIE, 'qemu-arm', ['qemu-system-arm'], 'closure');
  const below = (...names: string[]): string => path.join(root, 'usr', ...names);
  const libraries = below('lib/x86_64-linux-gnu');
  const search = ['--library-path', `${libraries}:${libraries}/pulseaudio`];
  const before = [...search, below('bin/qemu-system-aarch64'), '-L', below('share/qemu')];
  return { program: below('lib64/ld-linux-x86-64.so.2'), before };
}

/** Its first start: nothing is in the flash, and somebody stores the environment. */
async function installUboot(): Promise<Installed> {
  if (!fs.existsSync(UBOOT))
    throw new UserError('COMMAND_MISSING', `${UBOOT} is not there`, { hint: 'Debian package u-boot-qemu' });
  fs.writeFileSync(ENVIRONMENT, '');
  fs.truncateSync(ENVIRONMENT, FLASH_SIZE);
  const flash = `file=${ENVIRONMENT},format=raw,file.locking=off,cache=unsafe`;
  const { program, before } = await newerQemu();
  const machine = ['-machine', 'virt', '-cpu', 'cortex-a57', '-bios', UBOOT];
  const args = [...before, ...machine, '-drive', `${flash},if=pflash,unit=1`];
  const typed = { at: /Hit any key/, text: '\rsetenv boot_targets virtio0\rsaveenv && poweroff\r' };
  const first = { name: 'fallback-uboot-first', seconds: 200, countInstructions: true, typed };
  expect(await powerOn(program, args, first)).toMatch(/Writing to Flash\.{3}.*done/);
  // Debian's kernel has no driver for the flash: the guest sees the same bytes as a disk.
  return { program, args, drives: ['-drive', `${flash},if=virtio`] };
}

test('U-Boot', async () => {
  const kernel = await distributionKernel(BOOKWORM_ARM64);
  const packages = await unpacked(BOOKWORM_ARM64, 'busybox', ['busybox-static']);
  const loader: Loader = {
    name: 'uboot',
    kernel,
    busybox: path.join(packages, 'usr/bin/busybox'),
    kernelArguments: ['root=/dev/vda1', 'console=ttyAMA0', 'quiet', 'panic=-1'],
    bootloader: 'none',
    features: '^metadata_csum,^64bit',
    etc: { 'fw_env.config': `/dev/vdb 0x0 ${ENVIRONMENT_SIZE}\n` },
    link: { at: 'boot/boot.scr', target: 'loader/boot.scr' },
    install: installUboot,
    countInstructions: true,
  };
  const machine = await fallbackMachine(loader);
  const config = path.join(VM_BUILD, 'fallback-uboot-fw_env.config');
  fs.writeFileSync(config, `${onThatMachine(ENVIRONMENT)} 0x0 ${ENVIRONMENT_SIZE}\n`);
  const here = `mount --bind ${onThatMachine(config)} /etc/fw_env.config`;
  await upgradeAndRollback(machine, 300, here);
  await machine.deploy('3', '1', here);
  await fallBack(machine, 300);
  await machine.deploy('4', '1', here);
  // The script starts the machine anew.
  expect(await withoutKernel(machine, 300)).toEqual(['', '', '1']);
});
