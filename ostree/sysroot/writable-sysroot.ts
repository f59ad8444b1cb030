/** On a booted system /sysroot and /boot may be mounted read-only: they become writable for this process alone. */
import { AT_FDCWD, CLONE_NEWNS, MS, ST_RDONLY, type Syscalls } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';

const MOUNTS = ['/sysroot', '/boot'];

/**
 * Does nothing where the running system is not what is changed, or nothing is read-only. It has to come before any file
 * of the sysroot is opened: a file that was opened through the read-only mount stays read-only. The mount namespace
 * holds for this thread and what it starts, which is all that writes below /sysroot; it goes with the process.
 * @throws UserError NOT_WRITABLE
 */
export function makeSysrootWritable(sys: Syscalls, path: string): void {
  if (path !== '/' || sys.lstat(AT_FDCWD, '/run/ostree-booted') === null) return;
  const mounted = mountPoints(sys);
  const readOnly = MOUNTS.filter((mount) => mounted.has(mount) && isReadOnly(sys, mount));
  if (readOnly.length === 0) return;
  try {
    sys.unshare(CLONE_NEWNS);
    sys.mount(null, '/', null, MS.REC | MS.PRIVATE, null);
    for (const mount of readOnly) sys.mount(null, mount, null, MS.REMOUNT | MS.BIND | MS.SILENT, null);
  } catch (cause) {
    throw new UserError(
      'NOT_WRITABLE',
      `${readOnly.join(' and ')} cannot be made writable: ${String(cause)}`,
      {
        hint: 'run it as root',
        cause,
      },
    );
  }
}

/** proc(5), mountinfo: the fifth field. */
function mountPoints(sys: Syscalls): Set<string> {
  const lines = (sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? '').split('\n');
  return new Set(lines.map((line) => line.split(' ')[4] ?? ''));
}

function isReadOnly(sys: Syscalls, mount: string): boolean {
  const fd = sys.open(AT_FDCWD, mount, ['read', 'directory']);
  try {
    return (sys.statfs(fd).flags & ST_RDONLY) !== 0;
  } finally {
    sys.close(fd);
  }
}
