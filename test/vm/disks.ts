/** The disks that the tests boot, each made once. */
import fs from 'node:fs';
import path from 'node:path';
import { VM_BUILD } from './build-cache.ts';
import { newestOstree } from './boot-programs.ts';
import type { DeployedDisk, DeployedTree } from './deployed-disk.ts';
import { deployedDisk } from './deployed-disk.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';
import { plainTree } from './tree.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

const KERNEL_ARGUMENTS = ['root=/dev/vda', 'rw', 'console=ttyS0'];

/** Two systems, version 2 the default, deployed by our `ostree admin`. */
export async function ourDisk(kernel: Kernel): Promise<DeployedDisk> {
  const trees = ['1', '2'].map((version) => smallSystem(kernel, version));
  return await deployedDisk('ours', inputsOf(kernel, 'ours'), trees, { shape: { megabytes: 300 } });
}

/** One system with a composefs image, which the newest C `ostree` makes; ours does not write them. */
export async function composefsDisk(kernel: Kernel): Promise<DeployedDisk> {
  const newest = await newestOstree();
  return await deployedDisk('composefs', inputsOf(kernel, newest), [smallSystem(kernel, '1')], {
    shape: { megabytes: 300 },
    ostree: async (args) => await foreignOstree(newest, args),
    config: { 'ex-integrity.composefs': 'true' },
  });
}

function smallSystem(kernel: Kernel, version: string): DeployedTree {
  const lay = (root: string) => {
    plainTree(root, { kernel, initramfs: placeholder(), id: 'small', version });
  };
  return { stateroot: 'small', kernelArguments: KERNEL_ARGUMENTS, lay };
}

/** The initramfs of these systems is put together at each boot. */
function placeholder(): string {
  const file = path.join(VM_BUILD, 'no-initramfs');
  if (!fs.existsSync(file)) fs.writeFileSync(file, 'put together at each boot\n');
  return file;
}

function inputsOf(kernel: Kernel, kind: string): (string | Uint8Array)[] {
  const scripts = ['plain-init.sh', 'report.sh'].map((name) => fs.readFileSync(path.join(GUEST, name)));
  return [kernel.version, kind, ...KERNEL_ARGUMENTS, ...scripts];
}

/** `ostree` of an unpacked newer suite, run with its own libraries. */
async function foreignOstree(root: string, args: readonly string[]): Promise<string> {
  const loader = path.join(root, 'usr/lib64/ld-linux-x86-64.so.2');
  const library = path.join(root, 'usr/lib/x86_64-linux-gnu');
  const search = `${library}:${path.join(library, 'systemd')}`;
  const program = path.join(root, 'usr/bin/ostree');
  return (await runCommand(loader, ['--library-path', search, program, ...args])).stdout;
}
