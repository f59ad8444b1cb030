import type { BatchCalls } from '#native/batch.ts';
import { AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';
import { UserError, codeOf, during } from '#ostree/format/errors.ts';
import { keyFileString, parseKeyFile, type KeyFile } from '#ostree/format/keyfile.ts';

export type RepoCalls = Syscalls & BatchCalls;
export type RepoMode = 'bare' | 'bare-user' | 'bare-user-only' | 'archive';

/** An open repository; `closeRepo` ends it. */
export interface Repo {
  readonly sys: RepoCalls;
  readonly path: string;
  readonly fd: Fd;
  readonly objectsFd: Fd;
  readonly mode: RepoMode;
  readonly config: KeyFile;
  /** The repository of `core.parent`: what this one lacks is read from there. */
  readonly parent: Repo | null;
}

export interface CreateRepoOptions {
  readonly collectionId?: string;
}

const MODE_NAMES: Readonly<Record<RepoMode, string>> = {
  bare: 'bare',
  'bare-user': 'bare-user',
  'bare-user-only': 'bare-user-only',
  archive: 'archive-z2',
};
/** A repository whose parent is itself would have more. */
const MOST_PARENTS = 16;
const DIRECTORIES = ['tmp', 'extensions', 'state', 'refs', 'refs/heads', 'refs/mirrors', 'refs/remotes'];

/**
 * Makes an empty repository, as `ostree init`; one that is there is opened. `objects` is made last: its existence says
 * that the repository is whole, so an interrupted call is completed by the next.
 */
export function createRepo(
  sys: RepoCalls,
  path: string,
  mode: RepoMode,
  options: CreateRepoOptions = {},
): Repo {
  makeDirectory(sys, AT_FDCWD, path);
  const fd = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    if (sys.stat(fd, 'objects') === null) {
      if (sys.stat(fd, 'config') === null) writeConfig(sys, fd, configText(mode, options));
      for (const directory of DIRECTORIES) makeDirectory(sys, fd, directory);
      sys.syncfs(fd);
      makeDirectory(sys, fd, 'objects');
      sys.fsync(fd);
    }
  } finally {
    sys.close(fd);
  }
  return openRepo(sys, path);
}

/** @throws UserError NO_REPO, BAD_REPO (version or mode not known, parents without end), BAD_KEYFILE */
export function openRepo(sys: RepoCalls, path: string): Repo {
  return openBelow(sys, path, MOST_PARENTS);
}

function openBelow(sys: RepoCalls, path: string, parentsLeft: number): Repo {
  const fd = openDirectory(sys, AT_FDCWD, path, path);
  let objectsFd: Fd | null = null;
  try {
    objectsFd = openDirectory(sys, fd, 'objects', path);
    const text = sys.readText(fd, 'config');
    if (text === null) throw notARepo(path, 'it has no config file');
    const config = parseKeyFile(text, `${path}/config`);
    const mode = checkedMode(config, path);
    ensureScratch(sys, fd);
    return { sys, path, fd, objectsFd, mode, config, parent: parentOf({ sys, path, config }, parentsLeft) };
  } catch (error) {
    if (objectsFd !== null) sys.close(objectsFd);
    sys.close(fd);
    throw error;
  }
}

/** What removes old files from all `tmp` may have taken the directory, too. */
function ensureScratch(sys: RepoCalls, fd: Fd): void {
  if (sys.lstat(fd, 'tmp') !== null) return;
  try {
    makeDirectory(sys, fd, 'tmp');
  } catch (error) {
    // Reading needs none.
    if (!['EROFS', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  }
}

function parentOf({ sys, path, config }: Pick<Repo, 'sys' | 'path' | 'config'>, left: number): Repo | null {
  const named = keyFileString(config, 'core', 'parent') ?? '';
  if (named === '') return null;
  if (left === 0) throw new UserError('BAD_REPO', `${path}/config: core.parent leads to no end`);
  const parent = named.startsWith('/') ? named : `${path}/${named}`;
  return during(`the parent repository of ${path}`, () => openBelow(sys, parent, left - 1));
}

export function closeRepo(repo: Repo): void {
  if (repo.parent !== null) closeRepo(repo.parent);
  repo.sys.close(repo.objectsFd);
  repo.sys.close(repo.fd);
}

/** The mode that a word of the command line or of the configuration names. @throws UserError BAD_REPO_MODE */
export function parseRepoMode(text: string): RepoMode {
  if (text === 'archive' || text === 'archive-z2') return 'archive';
  if (text === 'bare' || text === 'bare-user' || text === 'bare-user-only') return text;
  throw new UserError('BAD_REPO_MODE', `Invalid mode '${text}' in repository configuration`, {
    hint: 'bare, bare-user, bare-user-only and archive are known',
  });
}

/** Writes the configuration (or another small file beside it): new file, sync, rename; a crash leaves the old or the new one. */
export function writeConfig(sys: Syscalls, repoFd: Fd, text: string | Uint8Array, name = 'config'): void {
  const temporary = `.${name}-${sys.randomHex(4)}`;
  const fd = sys.open(repoFd, temporary, ['write', 'create', 'exclusive'], 0o644);
  try {
    sys.write(fd, text);
    sys.fsync(fd);
  } finally {
    sys.close(fd);
  }
  sys.rename(repoFd, temporary, repoFd, name);
  sys.fsync(repoFd);
}

function configText(mode: RepoMode, options: CreateRepoOptions): string {
  const collection = options.collectionId === undefined ? '' : `collection-id=${options.collectionId}\n`;
  return `[core]\nrepo_version=1\nmode=${MODE_NAMES[mode]}\n${collection}`;
}

function makeDirectory(sys: Syscalls, dir: Fd, path: string): void {
  try {
    sys.mkdir(dir, path, 0o775);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function openDirectory(sys: Syscalls, dir: Fd, name: string, path: string): Fd {
  try {
    return sys.open(dir, name, ['read', 'directory']);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw notARepo(path, name === path ? 'there is no such directory' : `it has no '${name}' directory`);
    throw error;
  }
}

function notARepo(path: string, why: string): UserError {
  return new UserError('NO_REPO', `'${path}' is not an OSTree repository: ${why}`, {
    hint: `'ostree --repo=PATH init' makes one`,
  });
}

function checkedMode(config: KeyFile, path: string): RepoMode {
  const version = keyFileString(config, 'core', 'repo_version');
  if (version !== '1')
    throw new UserError('BAD_REPO', `${path}/config: repo_version is '${version ?? ''}', only 1 is known`);
  return parseRepoMode(keyFileString(config, 'core', 'mode') ?? 'bare');
}
