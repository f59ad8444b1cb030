/** `admin init-fs` and `admin stateroot-init`: the folders of a new sysroot and of a stateroot in it. */
import { AT_FDCWD, type Fd } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { closeRepo, createRepo, type RepoCalls } from '#ostree/repo/repo.ts';
import { joined } from '#ostree/sysroot/sysroot.ts';
import { makeDirectory } from '#ostree/sysroot/write-file.ts';

/** 0: with the usual top directories; 1: only /boot and /ostree; 2: and /ostree is 0700. */
export type SysrootEpoch = 0 | 1 | 2;

const TOP_DIRECTORIES: readonly (readonly [name: string, mode: number])[] = [
  ['boot', 0o755],
  ['dev', 0o755],
  ['home', 0o755],
  ['proc', 0o755],
  ['run', 0o755],
  ['sys', 0o755],
  ['root', 0o700],
  ['tmp', 0o1777],
];

/**
 * Makes the folders of a sysroot in the existing directory `path`, as `ostree admin init-fs`. May be run again.
 * @throws UserError NO_SYSROOT where `path` is no directory
 */
export function initSysroot(sys: RepoCalls, path: string, epoch: SysrootEpoch = 0): void {
  const root = openExisting(sys, path);
  try {
    const top = epoch === 0 ? TOP_DIRECTORIES : TOP_DIRECTORIES.slice(0, 1);
    for (const [name, mode] of top) makeWithMode(sys, root, name, mode);
    makeWithMode(sys, root, 'ostree', epoch === 2 ? 0o700 : 0o755);
    makeDirectory(sys, root, 'ostree/deploy');
    closeRepo(createRepo(sys, joined(path, 'ostree/repo'), 'bare'));
    sys.syncfs(root);
  } finally {
    sys.close(root);
  }
}

/**
 * Makes the stateroot `name` with its empty `/var`, as `ostree admin stateroot-init`.
 * @throws UserError STATEROOT_EXISTS, BAD_STATEROOT
 */
export function initStateroot(sysroot: { readonly sys: RepoCalls; readonly fd: Fd }, name: string): void {
  const { sys, fd } = sysroot;
  checkStaterootName(name);
  makeDirectory(sys, fd, 'ostree/deploy');
  const path = `ostree/deploy/${name}`;
  try {
    sys.mkdir(fd, path, 0o755);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new UserError('STATEROOT_EXISTS', `the stateroot '${name}' exists already`, { cause: error });
  }
  sys.mkdir(fd, `${path}/var`, 0o755);
  touchDeploy(sys, fd);
  sys.syncfs(fd);
}

/** Signals a change of the list to processes that watch: the time of `/ostree/deploy`. */
export function touchDeploy(sys: RepoCalls, root: Fd): void {
  const before = sys.stat(root, 'ostree/deploy')?.mtimeNsec ?? 0;
  // Readers compare the time with what they saw: two changes within one second must differ too.
  sys.utimes(root, 'ostree/deploy', sys.now(), (before + 1) % 1_000_000_000);
}

function checkStaterootName(name: string): void {
  const isBad = name === '' || name === '.' || name === '..' || name.includes('/') || name.includes(' ');
  if (isBad || name.includes('\n') || name.includes('\t'))
    throw new UserError('BAD_STATEROOT', `'${name}' cannot be a stateroot's name`);
}

function makeWithMode(sys: RepoCalls, root: Fd, name: string, mode: number): void {
  if (sys.lstat(root, name) !== null) return;
  sys.mkdir(root, name, mode);
  // The umask has no say here, as with ostree.
  sys.chmod(root, name, mode);
}

function openExisting(sys: RepoCalls, path: string): Fd {
  try {
    return sys.open(AT_FDCWD, path, ['read', 'directory']);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new UserError('NO_SYSROOT', `opendir(${path}): there is no such directory`, { cause: error });
  }
}
