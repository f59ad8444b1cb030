/** Debian sid in a chroot below `build/`: ostree 2026.4, whose C programs ours are compared with, live, and dracut. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { PROJECT } from './scratch-initramfs.ts';

export const NEWER_VERSION = '2026.4';
const CHROOT = path.join(PROJECT, 'build/ostree-sid');
const MIRROR = 'http://deb.debian.org/debian';
const DRACUT_PACKAGES = ['dracut-core', 'udev', 'kmod', 'cpio', 'util-linux-extra'];
const PACKAGES = ['ostree-boot', 'ostree', 'composefs', ...DRACUT_PACKAGES];
/** In the chroot: what it was made with. */
const STAMP = 'etc/chroot-packages';

/** The chroot's path. Made once (under a minute), then kept. @throws where it cannot be made, or sid has moved on */
export function newerOstree(): string {
  if (!isMade()) makeChroot();
  const found = /Version: '(.*)'/.exec(inNewerOstree(['ostree', '--version']))?.[1];
  if (found === NEWER_VERSION) return CHROOT;
  throw new Error(`Debian sid has ostree ${found ?? 'that does not run'}, not ${NEWER_VERSION} any more`);
}

/** Runs a program in the chroot, with folders of the machine mounted there. @returns its standard output */
export function inNewerOstree(
  command: readonly string[],
  mounts: Readonly<Record<string, string>> = {},
): string {
  const binds = Object.entries(mounts).map(
    ([from, to]) => `mkdir -p ${CHROOT}${to} && mount --bind ${from} ${CHROOT}${to} &&`,
  );
  const script = `mount -t proc proc ${CHROOT}/proc && ${binds.join(' ')} exec chroot ${CHROOT} "$@"`;
  const done = spawnSync(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...command],
    {
      encoding: 'utf8',
      timeout: 300_000,
    },
  );
  if (done.status === 0) return done.stdout;
  throw new Error(`${command.join(' ')}: ${done.stderr}${done.error?.message ?? ''}`);
}

function isMade(): boolean {
  const stamp = path.join(CHROOT, STAMP);
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === PACKAGES.join('\n');
}

/** Under another name until it is whole: a run that is interrupted leaves nothing that looks ready. */
function makeChroot(): void {
  const scratch = `${CHROOT}.new-${process.pid}`;
  const options = ['--aptopt=Acquire::Check-Valid-Until "false"', `--include=${PACKAGES.join(',')}`];
  fs.mkdirSync(path.dirname(CHROOT), { recursive: true });
  try {
    const done = spawnSync('mmdebstrap', ['--variant=apt', ...options, 'sid', scratch, MIRROR], {
      encoding: 'utf8',
      timeout: 500_000,
    });
    if (done.status !== 0) throw new Error(`mmdebstrap: ${done.error?.message ?? done.stderr.slice(-500)}`);
    fs.writeFileSync(path.join(scratch, STAMP), PACKAGES.join('\n'));
    publish(scratch);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** Takes the place of a chroot with fewer packages. */
function publish(scratch: string): void {
  if (!isMade()) fs.rmSync(CHROOT, { recursive: true, force: true });
  try {
    fs.renameSync(scratch, CHROOT);
  } catch (error) {
    // Another test file was faster.
    if (!isMade()) throw error;
  }
}
