import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';
import type { BootEntry, DiskShape } from './disk-image.ts';
import { bootEntries, makeDisk, mounted, ourOstree } from './disk-image.ts';

/** A tree to deploy, in the order given: the last one is the default. */
export interface DeployedTree {
  readonly stateroot: string;
  readonly lay: (root: string) => Promise<void> | void;
  readonly kernelArguments: readonly string[];
}

export interface DeployedDisk {
  readonly disk: string;
  /** The default first. */
  readonly entries: readonly BootEntry[];
}

/** How a disk is made: with our programs or those of somebody else. */
export interface DiskOptions {
  readonly shape: DiskShape;
  readonly ostree?: (args: readonly string[]) => Promise<string>;
  /** Settings of the repository before the first commit: `ex-integrity.composefs` → `true`. */
  readonly config?: Readonly<Record<string, string>>;
  readonly commitOptions?: readonly string[];
  /** The physical root gets `/proc`, `/dev` and others too, for a machine without initramfs. */
  readonly withMountPoints?: boolean;
  /** What else is to be done in the mounted sysroot. */
  readonly finish?: (root: string) => Promise<void>;
}

/** A disk with a sysroot on which the trees are deployed. `inputs` names all that the disk depends on. */
export async function deployedDisk(
  name: string,
  inputs: readonly (string | Uint8Array)[],
  trees: readonly DeployedTree[],
  options: DiskOptions,
): Promise<DeployedDisk> {
  const directory = await built(`disk-${name}`, inputs, async (target) => {
    const disk = path.join(target, 'disk.img');
    await makeDisk(disk, options.shape);
    await mounted(disk, async (root) => {
      await makeSysroot(root, trees, options);
      await options.finish?.(root);
    });
  });
  const disk = path.join(directory, 'disk.img');
  return { disk, entries: await mounted(disk, (root) => Promise.resolve(bootEntries(root))) };
}

async function makeSysroot(
  root: string,
  trees: readonly DeployedTree[],
  options: DiskOptions,
): Promise<void> {
  const ostree = options.ostree ?? ourOstree;
  const modern = options.withMountPoints === true ? [] : ['--modern'];
  await ostree(['admin', 'init-fs', ...modern, root]);
  const repo = `--repo=${root}/ostree/repo`;
  const config = { 'sysroot.bootloader': 'none', ...options.config };
  for (const [key, value] of Object.entries(config)) await ostree([repo, 'config', 'set', key, value]);
  for (const [index, tree] of trees.entries()) {
    const { stateroot } = tree;
    if (!fs.existsSync(path.join(root, 'ostree/deploy', stateroot)))
      await ostree(['admin', 'os-init', `--sysroot=${root}`, stateroot]);
    const branch = `vm/${stateroot}/${index}`;
    await commitTree(tree.lay, [repo, `--branch=${branch}`, ...(options.commitOptions ?? [])], ostree);
    const kargs = tree.kernelArguments.map((word) => `--karg-append=${word}`);
    const target = [`--sysroot=${root}`, `--os=${stateroot}`];
    await ostree(['admin', 'deploy', ...target, '--retain', '--karg-none', ...kargs, branch]);
  }
}

/** Commits what `lay` puts into an empty directory. @param words `--repo`, `--branch` and other options */
export async function commitTree(
  lay: DeployedTree['lay'],
  words: readonly string[],
  ostree = ourOstree,
): Promise<void> {
  const files = fs.mkdtempSync('/var/tmp/yum-ostree-vm-tree-');
  try {
    await lay(files);
    await ostree(['commit', ...words, `--tree=dir=${files}`, '--subject=vm']);
  } finally {
    await runCommand('rm', ['-rf', files]);
  }
}
