/**
 * A machine that runs a deployment of a test system with that deployment's own /usr, in namespaces of its own: as far as
 * the client, and what looks into /proc, can tell.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { STATEROOT, type ProgramResult, type TestSystem } from './layering-sysroot.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
/** Of the test's own machine: what Node needs to start. */
const LIBRARIES = '/usr/lib/x86_64-linux-gnu';

const MOUNTS = `
set -e
mount --bind "$1" "$3"
mount --bind "$1/usr" "$3/usr"
mount -o remount,bind,ro "$3/usr"
mount --bind "$2" "$3/sysroot"
mount --bind "$2/boot" "$3/boot"
mount --bind "$2/ostree/deploy/${STATEROOT}/var" "$3/var"
mount -t tmpfs none "$3/run"
mount -t tmpfs none "$3/tmp"
mount --rbind /dev "$3/dev"
mount -t proc none "$3/proc"
mkdir "$3/tmp/project" "$3/tmp/libraries" "$3/tmp/bin"
mount --bind "$4" "$3/tmp/project"
mount --bind "${LIBRARIES}" "$3/tmp/libraries"
for program in $6; do cp "$program" "$3/tmp/bin"; done
: > "$3/run/ostree-booted"
mount -o remount,bind,ro "$3/sysroot"
mkdir "$3/tmp/host"
cd "$3"
pivot_root . tmp/host
LD_LIBRARY_PATH=/tmp/libraries /tmp/bin/umount --lazy tmp/host
export PATH=/usr/bin:/usr/sbin:/tmp/bin
client() { LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/yum-ostree "$@"; }
host() { LD_LIBRARY_PATH=/tmp/libraries "$@"; }
eval "$5"
`;

/** Programs of the test's machine that scripts may call as `host NAME`. */
const HOST_PROGRAMS = [
  'umount',
  'chroot',
  'unshare',
  'mount',
  'setpriv',
  'kill',
  'stat',
  'readlink',
  'cmp',
  'diff',
  'find',
  'chattr',
  'cp',
];

/**
 * Runs a shell script there; `client` is our program. What it leaves in the sysroot stays; its mounts, /run and processes
 * do not. Needs root.
 * @param directory of the deployment that is booted
 * @param cgroup of the unified hierarchy, where what runs there is put; it is the root of it there
 */
export function onRunningMachine(
  system: TestSystem,
  directory: string,
  script: string,
  cgroup: string | null = null,
): ProgramResult {
  const root = fs.mkdtempSync('/var/tmp/yum-ostree-running-');
  const host = HOST_PROGRAMS.map((name) => `/usr/bin/${name}`).map((file) =>
    fs.existsSync(file) ? file : file.replace('/bin/', '/sbin/'),
  );
  try {
    const enter =
      'test -z "$0" || { echo $$ > "$0/cgroup.procs"; set -- unshare --cgroup "${@:2}"; }; exec "$@"';
    const { status, stdout, stderr, error } = spawnSync(
      'bash',
      [
        ...['-c', enter, cgroup ?? '', 'unshare'],
        ...[
          '--mount',
          '--pid',
          '--fork',
          '--kill-child',
          '--propagation',
          'private',
          'bash',
          '-c',
          MOUNTS,
          'sh',
        ],
        ...[directory, system.sysroot, root, PROJECT, script, host.join(' ')],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/usr/sbin:/sbin' },
        timeout: 120_000,
        maxBuffer: 1 << 26,
      },
    );
    if (error !== undefined) throw error;
    return { status, stdout, stderr };
  } finally {
    fs.rmdirSync(root);
  }
}
