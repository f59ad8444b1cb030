import { AT_FDCWD, type Fd } from '#native/syscalls.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { closeRepo, openRepo, type Repo, type RepoCalls } from '#ostree/repo/repo.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { loadState, type BootState } from '#ostree/sysroot/load-state.ts';

/** Switches from the environment, as ostree reads them; the caller passes what it was started with. */
export interface SysrootOptions {
  /** `OSTREE_SYSROOT_OPTS`: `skip-sync`, `bootloader-naming-1`, `no-early-prune`. */
  readonly opts: readonly string[];
  /** `OSTREE_SYSROOT_DEBUG`: `mutable-deployments`, `no-xattrs`, `no-dtb`, `test-fifreeze`. */
  readonly debug: readonly string[];
  /** `OSTREE_REPO_TEST_ERROR=pre-commit`: a change of the sysroot fails with a transaction left behind. */
  readonly isFailing?: boolean;
  /** `OSTREE_BOOTID` instead of the kernel's, for the name of that transaction. */
  readonly bootId?: string | undefined;
}

/** An open sysroot with its list of deployments as it was read; `closeSysroot` ends it. */
export interface Sysroot extends BootState {
  readonly sys: RepoCalls;
  readonly path: string;
  readonly fd: Fd;
  readonly repo: Repo;
  readonly options: SysrootOptions;
  readonly booted: Deployment | null;
}

const NO_OPTIONS: SysrootOptions = { opts: [], debug: [] };

/**
 * Opens the sysroot at `path` and reads its deployments.
 * @throws UserError NO_SYSROOT, BAD_SYSROOT, and those of `openRepo`
 */
export function openSysroot(sys: RepoCalls, path: string, options: SysrootOptions = NO_OPTIONS): Sysroot {
  const fd = openRoot(sys, path);
  let repo: Repo | null = null;
  try {
    repo = openSystemRepo(sys, path);
    refuseOtherDevice(sys, { path, fd, repo });
    return withState({ sys, path, fd, repo, options });
  } catch (error) {
    if (repo !== null) closeRepo(repo);
    sys.close(fd);
    throw error;
  }
}

export function closeSysroot(sysroot: Sysroot): void {
  closeRepo(sysroot.repo);
  sysroot.sys.close(sysroot.fd);
}

/** The same open sysroot with its deployments read anew. */
export function reloadSysroot(sysroot: Sysroot): Sysroot {
  return withState(sysroot);
}

/** The switches that ostree reads from the environment. */
export function sysrootOptions(env: Readonly<Record<string, string | undefined>>): SysrootOptions {
  const words = (text: string | undefined): string[] => (text ?? '').split(',').filter((word) => word !== '');
  return {
    opts: words(env['OSTREE_SYSROOT_OPTS']),
    debug: words(env['OSTREE_SYSROOT_DEBUG']),
    isFailing: env['OSTREE_REPO_TEST_ERROR'] === 'pre-commit',
    bootId: env['OSTREE_BOOTID'],
  };
}

/** The absolute or relative path of something below the sysroot, for messages and for opening. */
export function joined(path: string, below: string): string {
  return path.endsWith('/') ? path + below : `${path}/${below}`;
}

type OpenParts = Pick<Sysroot, 'sys' | 'path' | 'fd' | 'repo' | 'options'>;

function withState({ sys, path, fd, repo, options }: OpenParts): Sysroot {
  const state = during(`loading sysroot ${path}`, () => loadState(sys, fd));
  const booted = state.deployments.find((deployment) => deployment.isBooted) ?? null;
  return { sys, path, fd, repo, options, ...state, booted };
}

function openRoot(sys: RepoCalls, path: string): Fd {
  try {
    return sys.open(AT_FDCWD, path, ['read', 'directory']);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    throw new UserError('NO_SYSROOT', `there is no sysroot directory '${path}'`, {
      hint: `--sysroot names another; 'ostree admin init-fs PATH' makes one`,
      cause: error,
    });
  }
}

function openSystemRepo(sys: RepoCalls, path: string): Repo {
  try {
    return openRepo(sys, joined(path, 'ostree/repo'));
  } catch (error) {
    if (codeOf(error) !== 'NO_REPO') throw error;
    throw new UserError('NO_SYSROOT', `'${path}' is not a sysroot: it has no repository ostree/repo`, {
      hint: `--sysroot names another; 'ostree admin init-fs PATH' makes one`,
      cause: error,
    });
  }
}

/** Deployments are hardlinks into the repository. */
function refuseOtherDevice(sys: RepoCalls, { path, fd, repo }: Pick<Sysroot, 'path' | 'fd' | 'repo'>): void {
  const ostree = sys.stat(fd, 'ostree');
  if (ostree !== null && ostree.dev !== sys.fstat(repo.fd).dev)
    throw new UserError(
      'BAD_SYSROOT',
      `${path}/ostree and ${path}/ostree/repo are on different file systems`,
    );
}
