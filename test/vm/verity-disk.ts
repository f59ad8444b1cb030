/** A disk whose file system checks what is read: every object and the composefs image have fs-verity digests. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { boot } from './boot.ts';
import { newestOstree } from './boot-programs.ts';
import { built } from './build-cache.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import { bootEntries, makeDisk, mounted } from './disk-image.ts';
import { smallSystem } from './disks.ts';
import { signCommits } from './commit-signature.ts';
import { filesBelow } from './installed-parts.ts';
import { filesPart, foreignProgram } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { GUEST, miniInitramfs } from './mini-initramfs.ts';

/** Content of /usr/share/vm-checked; longer than what composefs keeps inside the image. */
export const CHECKED = 'as it was committed, '.repeat(10).trim();

export interface VerityDisk extends DeployedDisk {
  /** The public key that the commit is signed with, as a line of prepare-root.conf's key file. */
  readonly publicKey: string;
}

/**
 * The newest C `ostree` makes it in a guest, because only a kernel with fs-verity can; then openssl signs the commit.
 * @throws UserError COMMAND_FAILED with the end of the guest's console
 */
export async function verityDisk(kernel: Kernel): Promise<VerityDisk> {
  const files = { 'usr/share/vm-checked': CHECKED };
  const tree = smallSystem(kernel, { version: '1', files });
  const newest = await newestOstree();
  const sources = ['test/vm/guest', 'test/vm/verity-disk.ts', 'test/vm/tree.ts', 'test/vm/disks.ts'].flatMap(
    filesBelow,
  );
  const inputs = [kernel.version, newest, ...sources.map((file) => fs.readFileSync(file))];
  const directory = await built('disk-verity', inputs, async (target) => {
    const disk = path.join(target, 'disk.img');
    await makeDisk(disk, { megabytes: 300, features: 'verity' });
    await mounted(disk, async (root) => await tree.lay(path.join(root, 'tree')));
    await deployInGuest(kernel, disk, tree.kernelArguments);
    const key = await mounted(disk, async (root) => await signCommits(root, target));
    fs.writeFileSync(path.join(target, 'public-key'), key);
  });
  const disk = path.join(directory, 'disk.img');
  return {
    disk,
    entries: await mounted(disk, (root) => Promise.resolve(bootEntries(root))),
    publicKey: fs.readFileSync(path.join(directory, 'public-key'), 'utf8'),
  };
}

async function deployInGuest(
  kernel: Kernel,
  disk: string,
  kernelArguments: readonly string[],
): Promise<void> {
  const newest = await newestOstree();
  const kargs = kernelArguments.map((word) => `--karg-append=${word}\n`).join('');
  const programs = ['ostree', 'fsverity'].map(
    async (name) => await foreignProgram(newest, `usr/bin/${name}`, `usr/bin/${name}`),
  );
  const tools = filesPart([
    ...(await Promise.all(programs)).flat(),
    { name: 'before.sh', text: fs.readFileSync(path.join(GUEST, 'make-verity.sh')) },
    { name: 'kernel-arguments', text: kargs },
  ]);
  const initramfs = [await miniInitramfs(kernel), tools];
  const commandLine = 'root=/dev/vda rw console=ttyS0';
  const machine = { kernel, disk, commandLine, keepWrites: true, memory: 1024 };
  const { console } = await boot({ ...machine, name: 'make-verity', initramfs });
  if (console.includes('\n@@made')) return;
  const tail = console.trimEnd().split('\n').slice(-30).join('\n');
  throw new UserError('COMMAND_FAILED', `the guest did not make the disk:\n${tail}`);
}
