import type { Fd, Syscalls } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';

/**
 * Replaces a small file: new file beside it, rename. It is durable only after a sync of the file system, which the
 * caller does once for many files; a crash before that leaves the old file, the new one, or a `.NAME.tmp`.
 */
export function replaceFile(
  sys: Syscalls,
  dir: Fd,
  file: { path: string; text: string | Uint8Array; mode?: number },
): void {
  const temporary = temporaryName(file.path);
  const fd = sys.open(dir, temporary, ['write', 'create', 'truncate', 'nofollow'], 0o600);
  try {
    sys.write(fd, file.text);
    sys.fchmod(fd, file.mode ?? 0o644);
  } finally {
    sys.close(fd);
  }
  sys.rename(dir, temporary, dir, file.path);
}

/** Replaces a symbolic link by one rename. */
export function replaceSymlink(sys: Syscalls, dir: Fd, link: { path: string; target: string }): void {
  const temporary = temporaryName(link.path);
  unlinkIfPresent(sys, dir, temporary);
  sys.symlink(link.target, dir, temporary);
  sys.rename(dir, temporary, dir, link.path);
}

/** mkdir -p with one mode for all that is made. Symlinks on the way are followed. */
export function makeDirectories(sys: Syscalls, dir: Fd, path: string, mode = 0o755): void {
  if (sys.stat(dir, path) !== null) return;
  const slash = path.lastIndexOf('/');
  if (slash > 0) makeDirectories(sys, dir, path.slice(0, slash), mode);
  makeDirectory(sys, dir, path, mode);
}

/** mkdir that accepts one that is there. */
export function makeDirectory(sys: Syscalls, dir: Fd, path: string, mode = 0o755): void {
  try {
    sys.mkdir(dir, path, mode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

export function unlinkIfPresent(sys: Syscalls, dir: Fd, path: string): void {
  try {
    sys.unlink(dir, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function temporaryName(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}.tmp`;
}
