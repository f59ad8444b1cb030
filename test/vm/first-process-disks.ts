/** Disks of machines without initramfs: the kernel executes prepare-root, as the boot entry's `init=` says. */
import fs from 'node:fs';
import path from 'node:path';
import { buildStaticPrepareRoot } from '#test/root/static-prepare-root.ts';
import { newestOstree } from './boot-programs.ts';
import { built } from './build-cache.ts';
import type { DeployedDisk, DeployedTree } from './deployed-disk.ts';
import { deployedDisk } from './deployed-disk.ts';
import { foreignOstree, inputsOf, smallSystem } from './disks.ts';
import { filesBelow, REPOSITORY } from './installed-parts.ts';
import { PREPARE_ROOT } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';

/** The C program, where the boot entry does not look for it. */
export const STATIC_C_PROGRAM = 'usr/lib/ostree/ostree-prepare-root-static';

/** A system for each prepare-root.conf, the first is the default; deployed by our `ostree admin`. */
export async function firstProcessDisk(kernel: Kernel, configs: readonly string[]): Promise<DeployedDisk> {
  const trees = await Promise.all(configs.toReversed().map(async (config) => await system(kernel, config)));
  return await deployedDisk('first-process', await inputs(kernel, configs), trees, {
    shape: { megabytes: 300 },
    withMountPoints: true,
  });
}

/** A system with a composefs image, which the newest C `ostree` makes. */
export async function firstProcessComposefsDisk(kernel: Kernel, config: string): Promise<DeployedDisk> {
  const newest = await newestOstree();
  const tree = await system(kernel, config);
  return await deployedDisk('first-process-composefs', await inputs(kernel, [config]), [tree], {
    shape: { megabytes: 300 },
    withMountPoints: true,
    ostree: async (args) => await foreignOstree(newest, args),
    config: { 'ex-integrity.composefs': 'true' },
  });
}

async function system(kernel: Kernel, config: string): Promise<DeployedTree> {
  const programs = {
    [PREPARE_ROOT]: path.join(REPOSITORY, 'dist/ostree-prepare-root'),
    [STATIC_C_PROGRAM]: await staticProgram(),
  };
  const files = { 'usr/lib/ostree/prepare-root.conf': config };
  return smallSystem(kernel, { version: '1', withoutInitramfs: true, files, programs });
}

async function staticProgram(): Promise<string> {
  const inputs = filesBelow('test/root/static-prepare-root.ts').map((file) => fs.readFileSync(file));
  const directory = await built('static-prepare-root', inputs, (target) => {
    buildStaticPrepareRoot(target);
    return Promise.resolve();
  });
  return path.join(directory, 'ostree-prepare-root-static');
}

async function inputs(kernel: Kernel, configs: readonly string[]): Promise<(string | Uint8Array)[]> {
  const programs = [
    path.join(import.meta.dirname, 'first-process-disks.ts'),
    path.join(REPOSITORY, 'dist/ostree-prepare-root'),
    await staticProgram(),
  ];
  return [...inputsOf(kernel, 'first-process'), ...configs, ...programs.map((file) => fs.readFileSync(file))];
}
