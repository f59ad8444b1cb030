/** A disk with a system that has Debian's SELinux policy, and labels of it: the C `ostree` commits, ours deploys. */
import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { deployedDisk, type DeployedDisk, type DeployedTree } from './deployed-disk.ts';
import { ourOstree } from './disk-image.ts';
import { KERNEL_ARGUMENTS, placeholder } from './disks.ts';
import { ownProgram } from './initramfs-part.ts';
import { filesBelow, installed, REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';
import { install, plainTree } from './tree.ts';

/** Of this machine: npm run setup installs it. */
const POLICY = '/etc/selinux';
const PROGRAMS = ['load_policy', 'restorecon', 'matchpathcon'];

export async function selinuxDisk(kernel: Kernel): Promise<DeployedDisk> {
  const parts = ['prepare-root/units', 'prepare-root/tmpfiles', 'test/vm/guest', 'test/vm/tree.ts'];
  const program = path.join(REPOSITORY, 'dist/ostree-prepare-root');
  const policy = path.join(POLICY, 'default/policy');
  const sources = [...parts.flatMap(filesBelow), import.meta.filename, program, ...filesBelow(policy)];
  const lay = async (root: string) => {
    plainTree(root, { kernel, initramfs: placeholder(), id: 'labelled', version: '1' });
    fs.rmSync(path.join(root, 'usr/sbin/init'));
    install(root, path.join(GUEST, 'selinux-init.sh'), 'usr/sbin/init');
    fs.cpSync(POLICY, path.join(root, 'usr/etc/selinux'), { recursive: true });
    // A distribution's policy for OSTree has this: what is committed as /usr/etc is deployed as /etc.
    const substitutions = path.join(root, 'usr/etc/selinux/default/contexts/files/file_contexts.subs_dist');
    fs.appendFileSync(substitutions, '\n/usr/etc /etc\n');
    const config = 'SELINUX=permissive\nSELINUXTYPE=default\n';
    fs.writeFileSync(path.join(root, 'usr/etc/selinux/config'), config);
    for (const name of PROGRAMS)
      for (const file of await ownProgram(`/usr/sbin/${name}`, `usr/sbin/${name}`)) {
        fs.mkdirSync(path.dirname(path.join(root, file.name)), { recursive: true });
        fs.writeFileSync(path.join(root, file.name), file.text, { mode: 0o755 });
      }
    await installed(root, ['programs', 'systemd']);
  };
  const kernelArguments = [...KERNEL_ARGUMENTS, 'security=selinux', 'selinux=1', 'enforcing=0'];
  const tree: DeployedTree = { stateroot: 'labelled', kernelArguments, lay };
  const inputs = [kernel.version, ...sources.map((file) => fs.readFileSync(file))];
  return await deployedDisk('selinux', inputs, [tree], { shape: { megabytes: 300 }, ostree: labelling });
}

/** A commit gets the labels of the policy in it. */
async function labelling(args: readonly string[]): Promise<string> {
  if (args[1] !== 'commit') return await ourOstree(args);
  const tree = args.find((word) => word.startsWith('--tree=dir='))?.slice('--tree=dir='.length) ?? '';
  return (await runCommand('ostree', [...args, `--selinux-policy=${tree}`])).stdout;
}
