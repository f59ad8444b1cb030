import fs from 'node:fs';
import path from 'node:path';
import { VM_BUILD } from './build-cache.ts';
import { deployedDisk, type DeployedDisk, type DeployedTree } from './deployed-disk.ts';
import { ourOstree, type DiskShape } from './disk-image.ts';
import { filesBelow } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { loaderInitramfs } from './loaders-machine.ts';
import { plainTree } from './tree.ts';

export interface LoaderDiskRequest {
  readonly name: string;
  readonly kernel: Kernel;
  /** That architecture's; default this machine's. */
  readonly busybox?: string;
  readonly kernelArguments: readonly string[];
  readonly shape: DiskShape;
  /** What makes the sysroot one of that boot loader: `sysroot.bootloader` … */
  readonly bootloader: string;
  /** … symbolic links below it, with their targets … */
  readonly links?: Readonly<Record<string, string>>;
  /** … and files, with their texts, written where such a link leads to. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * A sysroot with two systems, version 2 the default, whose arguments were edited last (`from=loader`): what a boot loader
 * starts from it tells what the loader gave it, and powers off.
 */
export async function loaderDisk(request: LoaderDiskRequest): Promise<DeployedDisk> {
  const { name, kernel, busybox, kernelArguments, shape } = request;
  const initramfs = path.join(VM_BUILD, `loader-initramfs-${name}.img`);
  fs.writeFileSync(initramfs, await loaderInitramfs(kernel, busybox));
  const system = (version: string): DeployedTree => ({
    stateroot: 'small',
    lay: (root) => {
      plainTree(root, {
        ...{ kernel, initramfs, id: 'small', version },
        ...(busybox === undefined ? {} : { busybox }),
      });
    },
    kernelArguments,
  });
  const sources = ['bootloader', 'test/vm/guest'].flatMap(filesBelow).map((file) => fs.readFileSync(file));
  return await deployedDisk(name, [JSON.stringify(request), ...sources], [system('1'), system('2')], {
    shape,
    finish: async (root) => {
      await becomeLoaders(root, request);
      const words = ['admin', 'instutil', 'set-kargs', `--sysroot=${root}`, '--merge'];
      await ourOstree([...words, '--append=from=loader']);
    },
  });
}

async function becomeLoaders(root: string, request: LoaderDiskRequest): Promise<void> {
  const { bootloader, links = {}, files = {} } = request;
  for (const [place, target] of Object.entries(links)) {
    const link = path.join(root, place);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(target, link);
  }
  for (const [place, text] of Object.entries(files)) fs.writeFileSync(path.join(root, place), text);
  await ourOstree([`--repo=${root}/ostree/repo`, 'config', 'set', 'sysroot.bootloader', bootloader]);
}
