/** Reading the metadata objects: commits, dirtrees, dirmetas and detached metadata. */
import type { SyscallError } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { decodeCommit, type Commit } from '#ostree/format/commit.ts';
import { decodeDirmeta } from '#ostree/format/dirmeta.ts';
import { decodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { parse, serialize, type VariantDict } from '#ostree/format/gvariant.ts';
import { objectPath, type ObjectType } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export type { ObjectType } from '#ostree/repo/object-path.ts';

/** Objects larger than this are refused (128 MiB, as ostree does). */
export const MAX_METADATA_SIZE = 128 * 1024 * 1024;

/** Whether the repository, or its parent, has the object. */
export function hasObject(repo: Repo, checksum: Checksum, type: ObjectType): boolean {
  return holderOf(repo, checksum, type) !== null;
}

/** The repository that an object is read from: this one, else the nearest parent that has it; null where none does. */
export function holderOf(repo: Repo, checksum: Checksum, type: ObjectType): Repo | null {
  if (repo.sys.lstat(repo.objectsFd, objectPath(checksum, type, repo.mode)) !== null) return repo;
  return repo.parent === null ? null : holderOf(repo.parent, checksum, type);
}

/** @throws UserError NO_OBJECT, BAD_OBJECT, BAD_GVARIANT */
export function loadCommit(repo: Repo, checksum: Checksum): Commit {
  return loadWith(repo, { checksum, type: 'commit' }, decodeCommit);
}

/** As `loadCommit`; null where the repository does not have it. @throws UserError BAD_OBJECT, BAD_GVARIANT */
export function loadCommitIfThere(repo: Repo, checksum: Checksum): Commit | null {
  try {
    return loadCommit(repo, checksum);
  } catch (error) {
    if (codeOf(error) === 'NO_OBJECT') return null;
    throw error;
  }
}

/** @throws UserError NO_OBJECT, BAD_OBJECT, BAD_GVARIANT */
export function loadDirtree(repo: Repo, checksum: Checksum): Dirtree {
  return loadWith(repo, { checksum, type: 'dirtree' }, decodeDirtree);
}

/** @throws UserError NO_OBJECT, BAD_OBJECT, BAD_GVARIANT */
export function loadDirmeta(repo: Repo, checksum: Checksum): FileMeta {
  return loadWith(repo, { checksum, type: 'dirmeta' }, decodeDirmeta);
}

/** The object's bytes as they are stored. @throws UserError NO_OBJECT, BAD_OBJECT where it is too large */
export function loadMetadataBytes(
  repo: Repo,
  checksum: Checksum,
  type: 'commit' | 'dirtree' | 'dirmeta',
): Uint8Array {
  const path = objectPath(checksum, type, repo.mode);
  const stat = repo.sys.lstat(repo.objectsFd, path);
  if (stat === null && repo.parent !== null) return loadMetadataBytes(repo.parent, checksum, type);
  if (stat === null) throw missingObject(checksum, type);
  if (stat.size > MAX_METADATA_SIZE)
    throw new UserError('BAD_OBJECT', `object ${checksum}.${type} is larger than 128 MiB`);
  return repo.sys.readFile(repo.objectsFd, path);
}

/** The `a{sv}` beside a commit that its checksum does not cover (signatures); null where there is none. */
export function readDetachedMetadata(repo: Repo, commit: Checksum): VariantDict | null {
  try {
    const bytes = repo.sys.readFile(repo.objectsFd, objectPath(commit, 'commitmeta', repo.mode));
    return during(
      `reading object ${commit}.commitmeta`,
      () => parse('a{sv}', bytes) as unknown as VariantDict,
    );
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return repo.parent === null ? null : readDetachedMetadata(repo.parent, commit);
  }
}

/**
 * Replaces a commit's detached metadata (new file, sync, rename, sync of the directory: a crash leaves the old or the
 * new one); null removes it.
 */
export function writeDetachedMetadata(repo: Repo, commit: Checksum, metadata: VariantDict | null): void {
  const { sys, objectsFd } = repo;
  const path = objectPath(commit, 'commitmeta', repo.mode);
  const directory = path.slice(0, 2);
  if (metadata === null) {
    if (sys.lstat(objectsFd, path) !== null) sys.unlink(objectsFd, path);
    return;
  }
  const temporary = `${path}.${sys.randomHex(4)}`;
  if (sys.lstat(objectsFd, directory) === null) sys.mkdir(objectsFd, directory, 0o775);
  const fd = sys.open(objectsFd, temporary, ['write', 'create', 'exclusive'], 0o644);
  try {
    sys.write(fd, serialize('a{sv}', metadata));
    sys.fdatasync(fd);
  } finally {
    sys.close(fd);
  }
  sys.rename(objectsFd, temporary, objectsFd, path);
  const directoryFd = sys.open(objectsFd, directory, ['read', 'directory']);
  sys.fsync(directoryFd);
  sys.close(directoryFd);
}

/** The error for an object that something names and the repository lacks. */
export function missingObject(checksum: string, type: ObjectType): UserError {
  const kind = type === 'file' ? 'file' : 'metadata';
  return new UserError('NO_OBJECT', `No such ${kind} object ${checksum}.${type}`, {
    hint: `'ostree fsck' lists what is missing; pulling the commit again restores it`,
  });
}

/** Runs `action`; an object's file that it does not find, or finds damaged, is told as that object. */
export function withStoredObjects<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = codeOf(error);
    const path = code === 'ENOENT' || code === 'EBADMSG' ? (error as SyscallError).path : undefined;
    const found = /^([0-9a-f]{2})\/([0-9a-f]{62})\.(?:(file)z?|(dirtree)|(dirmeta))$/.exec(path ?? '');
    if (found === null) throw error;
    const [, first = '', rest = '', ...types] = found;
    const type = types.find((one) => one !== undefined) as ObjectType;
    if (code === 'ENOENT') throw missingObject(first + rest, type);
    throw new UserError('BAD_OBJECT', `object ${first}${rest}.${type} is damaged`, {
      hint: `'ostree fsck --delete' removes what is damaged; pulling the commit again restores it`,
      cause: error,
    });
  }
}

function loadWith<T>(
  repo: Repo,
  name: { readonly checksum: Checksum; readonly type: 'commit' | 'dirtree' | 'dirmeta' },
  decode: (bytes: Uint8Array) => T,
): T {
  const bytes = loadMetadataBytes(repo, name.checksum, name.type);
  return during(`reading object ${name.checksum}.${name.type}`, () => decode(bytes));
}
