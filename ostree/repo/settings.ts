/** Settings of the repository that several operations read, and its lock. */
import type { Fd } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { keyFileBoolean, keyFileString, type KeyFile } from '#ostree/format/keyfile.ts';
import { parseTriState, TRI_STATE_WORDS, type TriState } from '#ostree/format/tri-state.ts';
import type { Repo } from '#ostree/repo/repo.ts';

const DEFAULT_DEFLATE_LEVEL = 6;

/** `archive.zlib-level`, 1 to 9. @throws UserError BAD_REPO */
export function deflateLevel(repo: Repo): number {
  const text = keyFileString(repo.config, 'archive', 'zlib-level');
  const level = text === null ? DEFAULT_DEFLATE_LEVEL : Number(text);
  if (!Number.isInteger(level) || level < 1 || level > 9)
    throw new UserError('BAD_REPO', `archive.zlib-level is '${text ?? ''}', not 1 to 9`);
  return level;
}

/** Whether writes are made durable (`core.fsync`, default true). */
export function wantsSync(repo: Repo): boolean {
  return keyFileBoolean(repo.config, 'core', 'fsync') ?? true;
}

/** What `ex-integrity` wants of fs-verity: 'maybe' where the file system has it. @throws UserError BAD_REPO */
export function wantsVerity({ config }: Repo): TriState {
  const composefs = readWish(config, 'composefs') ?? 'no';
  const verity = readWish(config, 'fsverity') ?? (composefs === 'no' ? 'no' : 'maybe');
  if (verity !== 'no') return verity;
  // As it was named before 2023.11.
  if (keyFileBoolean(config, 'ex-fsverity', 'required') ?? false) return 'yes';
  return (keyFileBoolean(config, 'ex-fsverity', 'opportunistic') ?? false) ? 'maybe' : 'no';
}

function readWish(config: KeyFile, key: string): TriState | null {
  const text = keyFileString(config, 'ex-integrity', key);
  if (text === null) return null;
  const found = parseTriState(text);
  if (found === null)
    throw new UserError('BAD_REPO', `Invalid tri-state value: ${text}`, {
      hint: `ex-integrity.${key} in the repository configuration is one of ${TRI_STATE_WORDS.join(', ')}`,
    });
  return found;
}

/**
 * Locks the repository, waiting for who holds it: 'shared' to add, 'exclusive' to remove objects. Closing the returned
 * file descriptor unlocks. A repository that may not be written has no lock to take: EACCES or EROFS is thrown.
 */
export function lockRepo(repo: Repo, kind: 'shared' | 'exclusive'): Fd {
  const fd = repo.sys.open(repo.fd, '.lock', ['read-write', 'create'], 0o660);
  try {
    if (keyFileBoolean(repo.config, 'core', 'locking') ?? true) repo.sys.lock(fd, kind, true);
    return fd;
  } catch (error) {
    repo.sys.close(fd);
    throw error;
  }
}
