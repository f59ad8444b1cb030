/** `tmp/staging-<boot id>-XXXXXX`: where a transaction's objects wait, with a locked file `…-lock` beside it. */
import { AT_FDCWD, type Fd } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface Staging {
  /** Below the repository, e.g. `tmp/staging-…`. */
  readonly path: string;
  readonly fd: Fd;
  readonly lockFd: Fd;
}

const PREFIX = 'staging-';
const LOCK_SUFFIX = '-lock';

/** Makes a staging directory that no other process will clear away while this one lives. */
export function openStaging(repo: Repo, bootId = readBootId(repo)): Staging {
  for (;;) {
    const staging = tryOpenStaging(repo, bootId);
    if (staging !== null) return staging;
  }
}

/** As the C program leaves a transaction that failed: the directory stays, without its lock file. */
export function abandonStaging({ sys, fd }: Repo, staging: Staging): void {
  sys.close(staging.fd);
  sys.unlink(fd, staging.path + LOCK_SUFFIX);
  sys.close(staging.lockFd);
}

/** Removes the directory with all that is left in it. */
export function closeStaging(repo: Repo, staging: Staging): void {
  try {
    repo.sys.close(staging.fd);
    repo.sys.removeTree(repo.fd, staging.path);
    repo.sys.unlink(repo.fd, staging.path + LOCK_SUFFIX);
  } finally {
    repo.sys.close(staging.lockFd);
  }
}

/** Removes what transactions left that were interrupted: a directory whose lock nobody holds. */
export function clearStaleStaging(repo: Repo): void {
  for (const { name, kind } of repo.sys.readdir(repo.fd, 'tmp')) {
    if (!name.startsWith(PREFIX)) continue;
    if (kind === 'directory') clearIfStale(repo, `tmp/${name}`);
    else if (name.endsWith(LOCK_SUFFIX)) clearLonelyLock(repo, `tmp/${name}`);
  }
}

function clearIfStale(repo: Repo, path: string): void {
  withFreeLock(repo, path + LOCK_SUFFIX, () => {
    repo.sys.removeTree(repo.fd, path);
    repo.sys.removeTree(repo.fd, path + LOCK_SUFFIX);
  });
}

function clearLonelyLock(repo: Repo, path: string): void {
  if (repo.sys.lstat(repo.fd, path.slice(0, -LOCK_SUFFIX.length)) !== null) return;
  withFreeLock(repo, path, () => repo.sys.removeTree(repo.fd, path));
}

function withFreeLock(repo: Repo, lockPath: string, action: () => void): void {
  let fd: Fd;
  try {
    fd = repo.sys.open(repo.fd, lockPath, ['read-write', 'create', 'nofollow'], 0o600);
  } catch (error) {
    // Another user's staging directory: not ours to clear.
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return;
    throw error;
  }
  try {
    if (repo.sys.lock(fd, 'exclusive', false)) action();
  } finally {
    repo.sys.close(fd);
  }
}

function readBootId({ sys }: Repo): string {
  return sys.readText(AT_FDCWD, '/proc/sys/kernel/random/boot_id')?.trim() ?? 'unknown';
}

function tryOpenStaging(repo: Repo, bootId: string): Staging | null {
  const { sys } = repo;
  const path = `tmp/${PREFIX}${bootId}-${sys.randomHex(3)}`;
  sys.mkdir(repo.fd, path, 0o775);
  const lockFd = sys.open(repo.fd, path + LOCK_SUFFIX, ['read-write', 'create', 'nofollow'], 0o600);
  let fd: Fd | null = null;
  try {
    // Between the two steps another process may have taken the unlocked directory for a leftover.
    if (sys.lock(lockFd, 'exclusive', false) && sys.lstat(repo.fd, path) !== null)
      fd = sys.open(repo.fd, path, ['read', 'directory', 'nofollow']);
  } finally {
    if (fd === null) sys.close(lockFd);
  }
  return fd === null ? null : { path, fd, lockFd };
}
