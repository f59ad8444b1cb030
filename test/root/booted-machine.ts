/**
 * A machine that runs a deployment, as far as the `admin` verbs can tell: its mounts, /sysroot read-only, in a mount
 * namespace of its own.
 */
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { compactProgram } from '#test/fixtures/compact-program.ts';
import type { Output } from './sysroot-fixture.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');

/** What the tree of such a deployment must have, for `commitTree`: the host's programs are mounted at /usr. */
export const MERGED_USR: Readonly<Record<string, string>> = {
  bin: '-> usr/bin',
  lib: '-> usr/lib',
  lib64: '-> usr/lib64',
  sbin: '-> usr/sbin',
  ostree: '-> sysroot/ostree',
};

/** The two programs, as the shell calls them there. */
export const THEIRS = '/usr/bin/ostree';
export const BOARD = '/tmp/yum-ostree-boot';
export const OURS = '/tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree';

const MOUNTS = `
set -e
mount --bind "$1" "$3"
mount --rbind /usr "$3/usr"
mount --bind "$2" "$3/sysroot"
mount --bind "$2/boot" "$3/boot"
mount --bind "$2/ostree/deploy/testos/var" "$3/var"
mount -t tmpfs none "$3/run"
mount -t tmpfs none "$3/tmp"
mount --rbind /dev "$3/dev"
mount -t proc none "$3/proc"
mkdir "$3/tmp/project"
mount --bind "$4" "$3/tmp/project"
cp "$6" "$3/tmp/yum-ostree-boot"
: > "$3/run/ostree-booted"
mount -o remount,bind,ro "$3/sysroot"
mkdir "$3/tmp/host"
cd "$3"
pivot_root . tmp/host
umount --lazy tmp/host
exec sh -ec "$5"
`;

let built: string | null = null;

function board(): string {
  built ??= compactProgram('yum-ostree-boot');
  return built;
}

/**
 * Runs a shell script on the machine that booted the deployment `directory` of `sysroot` (relative to it), of the
 * stateroot `testos`. What the script leaves in the sysroot stays; /run does not. Needs root.
 */
export function onBootedMachine(sysroot: string, directory: string, script: string): Output {
  const root = fs.mkdtempSync('/var/tmp/yum-ostree-booted-');
  try {
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      [
        // The C program compares its mount namespace with that of process 1.
        ...['--mount', '--pid', '--fork', '--propagation', 'private', 'sh', '-c', MOUNTS, 'sh'],
        ...[path.join(sysroot, directory), sysroot, root, PROJECT, script, board()],
      ],
      { encoding: 'utf8', env: { PATH: '/usr/bin:/usr/sbin', OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' } },
    );
    if (error !== undefined) throw error;
    return { status: status ?? 137, stdout, stderr };
  } finally {
    fs.rmdirSync(root);
  }
}
