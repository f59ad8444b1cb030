/** SELinux labels of a transient `/etc`: what was written to it before the policy was loaded has none. */
import { codeOf } from '#ostree/format/errors.ts';
import { AT_FDCWD, CLONE_NEWNS, MNT_DETACH, MS, type Syscalls } from '#native/syscalls.ts';

/** There while SELinux is enabled. */
export const SELINUX = '/sys/fs/selinux/enforce';
const RESTORECON = '/usr/sbin/restorecon';

/**
 * Labels everything below `/etc` that is in the overlay's upper layer, by the policy's own program (the rules are
 * regular expressions of its library). Ends as that program ends. What was removed from `/etc` is in the upper layer
 * too, and ignored.
 */
export function relabelEtc(sys: Syscalls, upper: string): void {
  const paths = under(sys, upper).map((path) => `/etc${path.slice(upper.length)}`);
  if (paths.length === 0) return;
  // systemd mounts a machine-id of its own there: the file below is to be labelled.
  sys.unshare(CLONE_NEWNS);
  sys.mount(null, '/', null, MS.REC | MS.SLAVE | MS.SILENT, null);
  try {
    sys.umount('/etc/machine-id', MNT_DETACH);
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOENT') throw error;
  }
  sys.exec(RESTORECON, [RESTORECON, '-F', '-i', ...paths], []);
}

function under(sys: Syscalls, directory: string): string[] {
  return sys.readdir(AT_FDCWD, directory).flatMap(({ name, kind }) => {
    const path = `${directory}/${name}`;
    return kind === 'directory' ? [path, ...under(sys, path)] : [path];
  });
}
