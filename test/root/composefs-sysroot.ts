/** A sysroot with a composefs image, deployed by the C ostree: none of it is made by us. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { inNewerOstree, newerOstree } from './newer-ostree.ts';

export interface ComposefsSysroot {
  readonly path: string;
  /** Of the one deployment, below the sysroot. */
  readonly deployment: string;
  /** The commit that is deployed. */
  readonly commit: string;
  /** The kernel argument that names it. */
  readonly argument: string;
}

/** Dates are given, so that the checksums are the same at every run. */
const MAKE = `set -eu
cd /work
export OSTREE_REPO=/work/sysroot/ostree/repo
mkdir sysroot
ostree admin init-fs --modern sysroot
ostree config set sysroot.bootloader none
ostree config set ex-integrity.composefs true
ostree admin --sysroot=sysroot os-init os
mkdir -p tree/usr/etc tree/usr/bin tree/usr/lib/modules/6.1 tree/usr/lib/ostree
for name in var sysroot boot proc dev run tmp; do mkdir -p tree/$name; done
ln -s sysroot/ostree tree/ostree
echo kernel > tree/usr/lib/modules/6.1/vmlinuz
echo initramfs > tree/usr/lib/modules/6.1/initramfs.img
echo hello > tree/usr/bin/hello
echo 'A=1' > tree/usr/etc/conf
printf '[composefs]\\nenabled=yes\\n' > tree/usr/lib/ostree/prepare-root.conf
echo 'ID=os' > tree/usr/lib/os-release
find tree -exec touch -h -d @0 {} +
ostree commit -b os/1 tree --owner-uid=0 --owner-gid=0 --no-xattrs --timestamp=@0 --generate-composefs-metadata
ostree admin --sysroot=sysroot deploy --os=os os/1
`;

/** The caller removes it with `removeSysroot`. @param fill puts more into the tree, given its folder */
export function makeComposefsSysroot(fill?: (tree: string) => void): ComposefsSysroot {
  newerOstree();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'composefs-'));
  fs.mkdirSync(path.join(folder, 'tree'));
  fill?.(path.join(folder, 'tree'));
  inNewerOstree(['sh', '-c', MAKE], { [folder]: '/work' });
  const sysroot = path.join(folder, 'sysroot');
  return { path: sysroot, ...found(sysroot) };
}

/** Another one with the same content, to be altered. @param directory where it is made; its file system counts */
export function copySysroot(from: ComposefsSysroot, directory = os.tmpdir()): ComposefsSysroot {
  const folder = fs.mkdtempSync(path.join(directory, 'composefs-'));
  const done = spawnSync('cp', ['-a', from.path, folder], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return { ...from, path: path.join(folder, 'sysroot') };
}

export function removeSysroot({ path: sysroot }: ComposefsSysroot): void {
  loadSyscalls().removeTree(AT_FDCWD, path.dirname(sysroot));
}

function found(sysroot: string): Omit<ComposefsSysroot, 'path'> {
  const link = fs.readdirSync(`${sysroot}/ostree/boot.1/os`)[0] ?? '';
  const target = `/ostree/boot.1/os/${link}/0`;
  const deployment = fs.realpathSync(sysroot + target).slice(sysroot.length);
  const commit = path.basename(deployment).split('.')[0] ?? '';
  return { deployment, commit, argument: `ostree=${target}` };
}
