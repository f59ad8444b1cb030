/** SELinux labels of a transient `/etc`: what was written to it before the policy was loaded has none. */
import { unlessFailing } from '#prepare-root/unless-failing.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { AT_FDCWD, CLONE_NEWNS, MNT_DETACH, MS, type Syscalls } from '#native/syscalls.ts';

/** There while SELinux is enabled. */
export const SELINUX = '/sys/fs/selinux/enforce';
const RESTORECON = ['/usr/sbin/restorecon', '/sbin/restorecon'];
/** Its input: more paths than a command line has room for. Stays until shutdown, or the next run. */
const LIST = '/run/ostree/relabel-etc';
/** Of configuration, which every program may read. */
const READABLE = 'system_u:object_r:etc_t:s0';

/**
 * Labels `/etc` and everything below that is in the overlay's upper layer, by the policy's own program (the rules are
 * regular expressions of its library). Ends as that program ends. What was removed from `/etc` is in the upper layer
 * too, and ignored. Without the program it warns: a system that boots can be mended.
 */
export function relabelEtc(sys: Syscalls, upper: string): void {
  const paths = ['', ...under(sys, upper).map((path) => path.slice(upper.length))].map(
    (path) => `/etc${path}`,
  );
  const restorecon = RESTORECON.find((path) => sys.stat(AT_FDCWD, path) !== null);
  if (restorecon === undefined) return sys.write(2, MISSING);
  writeList(sys, paths);
  // systemd mounts a machine-id of its own there: the file below is to be labelled.
  sys.unshare(CLONE_NEWNS);
  sys.mount(null, '/', null, MS.REC | MS.SLAVE | MS.SILENT, null);
  try {
    sys.umount('/etc/machine-id', MNT_DETACH);
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOENT') throw error;
  }
  sys.exec(restorecon, [restorecon, '-F', '-i', '-0', '-f', LIST], []);
}

const MISSING = `ostree-remount: warning: there is no ${RESTORECON[0]}: what the initramfs wrote to /etc has no SELinux labels
hint: install policycoreutils in the deployment
`;

/** `/run` is memory: there is nothing to sync. */
function writeList(sys: Syscalls, paths: readonly string[]): void {
  unlessFailing(undefined, () => sys.unlink(AT_FDCWD, LIST));
  // In enforcing mode the policy forbids the program to read what has the label of /run/ostree, made before it was loaded.
  unlessFailing(undefined, () => labelNewFiles(sys, READABLE));
  const fd = sys.open(AT_FDCWD, LIST, ['write', 'create', 'truncate', 'nofollow'], 0o600);
  try {
    sys.write(fd, paths.map((path) => `${path}\0`).join(''));
  } finally {
    sys.close(fd);
  }
}

/** For this process, until it executes another program. */
function labelNewFiles(sys: Syscalls, label: string): void {
  const fd = sys.open(AT_FDCWD, '/proc/self/attr/fscreate', ['write']);
  try {
    sys.write(fd, label);
  } finally {
    sys.close(fd);
  }
}

function under(sys: Syscalls, directory: string): string[] {
  return sys.readdir(AT_FDCWD, directory).flatMap(({ name, kind }) => {
    const path = `${directory}/${name}`;
    return kind === 'directory' ? [path, ...under(sys, path)] : [path];
  });
}
