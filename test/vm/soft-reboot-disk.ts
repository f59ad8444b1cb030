/** A disk with two versions of Debian 13's system, the first Debian whose systemd has soft reboots. */
import fs from 'node:fs';
import path from 'node:path';
import { newestOstree } from './boot-programs.ts';
import { TRIXIE, unpacked } from './debian-suite.ts';
import type { DeployedDisk, DeployedTree } from './deployed-disk.ts';
import { deployedDisk } from './deployed-disk.ts';
import { foreignOstree, KERNEL_ARGUMENTS, placeholder, SYSTEMD_PACKAGES } from './disks.ts';
import { foreignProgram } from './initramfs-part.ts';
import { filesBelow, installed, REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';
import { install, systemdTree } from './tree.ts';

/** The programs that prepare the soft reboot, in the deployments. */
export const OUR_OSTREE = '/usr/lib/yum-ostree/ostree';
export const C_OSTREE = '/usr/lib/newest/ostree';

const EXECUTABLE = path.join(REPOSITORY, 'dist/yum-ostree');

/** Version 2 is the default; both have a composefs image and the same kernel. */
export async function softRebootDisk(kernel: Kernel): Promise<DeployedDisk> {
  const packages = await unpacked(TRIXIE, 'systemd', [...SYSTEMD_PACKAGES, 'libstdc++6'], 'closure');
  const newest = await newestOstree();
  const parts = ['prepare-root/units', 'prepare-root/tmpfiles', 'test/vm/guest', 'test/vm/tree.ts'];
  const programs = [path.join(REPOSITORY, 'dist/ostree-prepare-root'), EXECUTABLE];
  const sources = [...parts.flatMap(filesBelow), import.meta.filename, ...programs];
  const inputs = [kernel.version, packages, newest, ...sources.map((file) => fs.readFileSync(file))];
  const trees = ['1', '2'].map((version): DeployedTree => {
    const lay = async (root: string) => {
      const files = { 'usr/lib/ostree/prepare-root.conf': '[composefs]\nenabled=yes\n' };
      await systemdTree(root, packages, { kernel, initramfs: placeholder(), id: 'debian', version, files });
      await installed(root, ['programs', 'systemd']);
      await layPrograms(root, newest);
    };
    return { stateroot: 'debian', kernelArguments: [...KERNEL_ARGUMENTS, 'quiet'], lay };
  });
  return await deployedDisk('soft-reboot', inputs, trees, {
    shape: { megabytes: 1200 },
    ostree: async (args) => await foreignOstree(newest, args),
    config: { 'ex-integrity.composefs': 'true' },
  });
}

/** Ours, the C one with its libraries, and what calls one of them instead of the report. */
async function layPrograms(root: string, newest: string): Promise<void> {
  install(root, EXECUTABLE, OUR_OSTREE);
  for (const { name, text } of await foreignProgram(newest, 'usr/bin/ostree', C_OSTREE.slice(1))) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text, { mode: 0o755 });
  }
  if (!fs.existsSync(path.join(root, 'usr/bin/sh'))) fs.symlinkSync('bash', path.join(root, 'usr/bin/sh'));
  // Its program is a part of Debian's packaging machinery, which is left out.
  fs.symlinkSync('/dev/null', path.join(root, 'usr/etc/systemd/system/ldconfig.service'));
  install(root, path.join(GUEST, 'soft-reboot.sh'), 'usr/share/soft-reboot.sh');
  const unit = path.join(root, 'usr/lib/systemd/system/vm-report.service');
  const text = fs.readFileSync(unit, 'utf8').replaceAll(/^ExecStart=.*\n/gm, '');
  fs.writeFileSync(unit, `${text}ExecStart=/usr/share/soft-reboot.sh\n`);
}
