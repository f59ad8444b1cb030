/** The disks that the tests boot, each made once. */
import fs from 'node:fs';
import path from 'node:path';
import { VM_BUILD } from './build-cache.ts';
import { newestOstree } from './boot-programs.ts';
import { BOOKWORM, unpacked } from './debian-suite.ts';
import { filesBelow, installed, REPOSITORY } from './installed-parts.ts';
import type { DeployedDisk, DeployedTree } from './deployed-disk.ts';
import { deployedDisk } from './deployed-disk.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';
import { install, plainTree, systemdTree } from './tree.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

export const KERNEL_ARGUMENTS = ['root=/dev/vda', 'rw', 'console=ttyS0'];
/** QEMU's arm64 machine has one serial port. */
const ARM64_ARGUMENTS = ['root=/dev/vda', 'rw', 'console=ttyAMA0', 'vm.report=console'];

/** Two systems, version 2 the default, deployed by our `ostree admin`. */
export async function ourDisk(kernel: Kernel): Promise<DeployedDisk> {
  const trees = ['1', '2'].map((version) => smallSystem(kernel, { version }));
  return await deployedDisk('ours', inputsOf(kernel, 'ours'), trees, { shape: { megabytes: 300 } });
}

/** A system for arm64, deployed by our `ostree admin` of this machine. @param busybox that system's */
export async function arm64Disk(kernel: Kernel, busybox: string): Promise<DeployedDisk> {
  const inputs = [...inputsOf(kernel, 'arm64'), ...ARM64_ARGUMENTS];
  const tree = smallSystem(kernel, { version: '1', busybox });
  return await deployedDisk('arm64', inputs, [tree], { shape: { megabytes: 300 } });
}

/** One system with a composefs image, which the newest C `ostree` makes; ours does not write them. */
export async function composefsDisk(kernel: Kernel): Promise<DeployedDisk> {
  const newest = await newestOstree();
  return await deployedDisk('composefs', inputsOf(kernel, newest), [smallSystem(kernel, { version: '1' })], {
    shape: { megabytes: 300 },
    ostree: async (args) => await foreignOstree(newest, args),
    config: { 'ex-integrity.composefs': 'true' },
  });
}

/** Debian 12's systemd with our generator and units, to multi-user.target; deployed by us with a dracut initramfs. */
export async function systemdDisk(kernel: Kernel, initramfs: string): Promise<DeployedDisk> {
  const packages = await unpacked(BOOKWORM, 'systemd', SYSTEMD_PACKAGES, 'closure');
  const sources = [
    ...['prepare-root/units', 'prepare-root/tmpfiles', 'test/vm/guest', 'test/vm/tree.ts'].flatMap(
      filesBelow,
    ),
    ...[initramfs, path.join(REPOSITORY, 'dist/ostree-prepare-root')],
  ].map((file) => fs.readFileSync(file));
  const lay = async (root: string) => {
    await systemdTree(root, packages, { kernel, initramfs, id: 'debian', version: '12' });
    await installed(root, ['programs', 'systemd']);
  };
  const tree = { stateroot: 'debian', kernelArguments: [...KERNEL_ARGUMENTS, 'quiet'], lay };
  return await deployedDisk('systemd', [kernel.version, packages, ...sources], [tree], {
    shape: { megabytes: 700 },
  });
}

export const SYSTEMD_PACKAGES = [
  'systemd',
  'systemd-sysv',
  'udev',
  'base-files',
  'bash',
  'util-linux',
  'kmod',
];

export interface SmallSystem {
  readonly version: string;
  /** Where a boot loader would find none. */
  readonly withoutInitramfs?: boolean;
  /** More files: name → content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Static; of this machine where it is not given. */
  readonly busybox?: string;
  /** Programs: name → the file here. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** A system that reports and powers off. */
export function smallSystem(kernel: Kernel, system: SmallSystem): DeployedTree {
  const { version, files = {}, programs = {} } = system;
  const lay = (root: string) => {
    const initramfs = system.withoutInitramfs === true ? null : placeholder();
    const shell = system.busybox === undefined ? {} : { busybox: system.busybox };
    plainTree(root, { kernel, initramfs, id: 'small', version, files, ...shell });
    for (const [name, file] of Object.entries(programs)) install(root, file, name);
  };
  const kernelArguments = kernel.architecture === 'arm64' ? ARM64_ARGUMENTS : KERNEL_ARGUMENTS;
  return { stateroot: 'small', kernelArguments, lay };
}

/** The initramfs of these systems is put together at each boot. */
export function placeholder(): string {
  const file = path.join(VM_BUILD, 'no-initramfs');
  if (!fs.existsSync(file)) fs.writeFileSync(file, 'put together at each boot\n');
  return file;
}

export function inputsOf(kernel: Kernel, kind: string): (string | Uint8Array)[] {
  const scripts = ['plain-init.sh', 'report.sh'].map((name) => fs.readFileSync(path.join(GUEST, name)));
  return [kernel.version, kind, ...KERNEL_ARGUMENTS, ...scripts];
}

/** `ostree` of an unpacked newer suite, run with its own libraries. */
export async function foreignOstree(root: string, args: readonly string[]): Promise<string> {
  const loader = path.join(root, 'usr/lib64/ld-linux-x86-64.so.2');
  const library = path.join(root, 'usr/lib/x86_64-linux-gnu');
  const search = `${library}:${path.join(library, 'systemd')}`;
  const program = path.join(root, 'usr/bin/ostree');
  return (await runCommand(loader, ['--library-path', search, program, ...args])).stdout;
}
