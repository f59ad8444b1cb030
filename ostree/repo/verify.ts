/** Whether objects are what their names say: hashed in batches by several threads. */
import { S } from '#native/syscalls.ts';
import { bytesToHex, type Checksum } from '#ostree/format/checksum.ts';
import { decodeCommit } from '#ostree/format/commit.ts';
import { decodeDirmeta, decodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { decodeDirtree } from '#ostree/format/dirtree.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import {
  archiveHeaderLength,
  contentHashPrefix,
  decodeArchiveHeader,
  type ContentMeta,
} from '#ostree/format/file-header.ts';
import { loadContent, storedTarget } from '#ostree/repo/content.ts';
import { inspectContent, readObjects } from '#ostree/repo/inspect.ts';
import type { StoredObject } from '#ostree/repo/object-list.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { PackReader, PackWriter } from '#ostree/repo/packed.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface Damage {
  readonly checksum: Checksum;
  readonly type: StoredObject['type'];
  /** What is wrong, e.g. `Corrupted file object; checksum expected='…' actual='…'`. */
  readonly reason: string;
}

type Named = Pick<StoredObject, 'checksum' | 'type'>;

interface HashJob {
  readonly object: Named;
  readonly prefix: Uint8Array;
  readonly offset: number;
  readonly how: 0 | 1 | 2;
  /** Bytes of content that must come; null where any number may. */
  readonly size: number | null;
}

const NOTHING = new Uint8Array(0);
const HEADER_GUESS = 512;

/** What is wrong with these objects, which `listObjects(repo, 'all')` gave; those that are right are not named. */
export function verifyObjects(repo: Repo, objects: readonly StoredObject[]): Damage[] {
  const damages: Damage[] = [];
  const jobs: HashJob[] = [];
  for (const object of objects) {
    try {
      jobs.push(hashJob(repo, object));
    } catch (error) {
      damages.push(damageOf(object, messageOf(error)));
    }
  }
  return [...damages, ...hashAll(repo, jobs)];
}

/** The same of content objects by their names. @throws UserError NO_OBJECT, BAD_OBJECT for one that cannot be read */
export function verifyContent(repo: Repo, checksums: readonly Checksum[]): Damage[] {
  const inInode = repo.mode === 'bare' || repo.mode === 'bare-user-only';
  const inspected = inInode ? null : inspectContent(repo, checksums);
  const jobs = checksums.map((checksum): HashJob => {
    const { meta, size, offset } = inspected?.get(checksum) ?? { ...loadContent(repo, checksum), offset: 0 };
    const content = repo.mode === 'archive' ? 1 : 0;
    const how = (meta.mode & S.IFMT) === S.IFLNK ? 2 : content;
    const object = { checksum, type: 'file' } as const;
    return { object, prefix: contentHashPrefix(meta), offset, how, size: how === 1 ? size : null };
  });
  return hashAll(repo, jobs);
}

function hashAll(repo: Repo, jobs: readonly HashJob[]): Damage[] {
  const plan = new PackWriter(jobs.length * 160 + 16);
  for (const { object, prefix, offset, how } of jobs) {
    plan.text16(objectPath(object.checksum, object.type, repo.mode));
    plan.bytes32(prefix).u32(offset).u8(how);
  }
  const result = new PackReader(repo.sys.hashFiles(repo.objectsFd, plan.finish()));
  return jobs.flatMap((job) => {
    const error = result.u32();
    const size = result.f64();
    const actual = bytesToHex(result.raw(32));
    const reason = reasonOf(job, { error, size, actual });
    return reason === null ? [] : [damageOf(job.object, reason)];
  });
}

function reasonOf(
  job: HashJob,
  result: { readonly error: number; readonly size: number; readonly actual: string },
): string | null {
  if (result.error === 22) return 'its compressed content is damaged or truncated';
  if (result.error !== 0) return `it cannot be read (errno ${result.error})`;
  if (job.size !== null && job.size !== result.size)
    return `its header says ${job.size} bytes, there are ${result.size}`;
  const { checksum, type } = job.object;
  return result.actual === checksum
    ? null
    : `Corrupted ${type} object; checksum expected='${checksum}' actual='${result.actual}'`;
}

function hashJob(repo: Repo, object: StoredObject): HashJob {
  if (object.type !== 'file') {
    checkMetadata(repo, object);
    return { object, prefix: NOTHING, offset: 0, how: 0, size: null };
  }
  if (repo.mode === 'archive') return archiveJob(repo, object);
  const meta = repo.mode === 'bare-user' ? bareUserMeta(repo, object) : inodeMeta(repo, object);
  const how = (meta.mode & S.IFMT) === S.IFLNK ? 2 : 0;
  return { object, prefix: contentHashPrefix(meta), offset: 0, how, size: null };
}

/** The structure; the checksum is compared with all others. */
function checkMetadata(repo: Repo, { checksum, type }: StoredObject): void {
  const bytes = repo.sys.readFile(repo.objectsFd, objectPath(checksum, type, repo.mode));
  const hash = repo.sys.sha256();
  hash.update(bytes);
  // What has another checksum is reported as that, not as malformed.
  if (hash.digest() !== checksum) return;
  if (type === 'dirtree') decodeDirtree(bytes);
  else if (type === 'dirmeta') decodeDirmeta(bytes);
  else if (type === 'commit') decodeCommit(bytes);
}

function inodeMeta(repo: Repo, { file }: StoredObject): ContentMeta {
  const canonical = repo.mode === 'bare-user-only';
  const kind = file.mode & S.IFMT;
  if (kind !== S.IFREG && kind !== S.IFLNK)
    throw new UserError('BAD_OBJECT', 'it is neither a file nor a symlink');
  return {
    uid: canonical ? 0 : file.uid,
    gid: canonical ? 0 : file.gid,
    mode: file.mode,
    target: file.target,
    xattrs: canonical ? [] : file.xattrs,
  };
}

function bareUserMeta(repo: Repo, { checksum, file }: StoredObject): ContentMeta {
  const stored = file.xattrs.find(({ name }) => name === 'user.ostreemeta');
  if (stored === undefined) throw new UserError('BAD_OBJECT', 'it lacks the attribute user.ostreemeta');
  const meta = decodeOwnedMeta(stored.value);
  if ((meta.mode & S.IFMT) !== S.IFLNK) return { ...meta, target: '' };
  const [read] = readObjects(repo, [objectPath(checksum, 'file', repo.mode)], { limit: 4098, xattr: '' });
  return { ...meta, target: storedTarget(read?.content ?? NOTHING) };
}

function archiveJob(repo: Repo, object: StoredObject): HashJob {
  const path = objectPath(object.checksum, 'file', repo.mode);
  const start = readStart(repo, path, HEADER_GUESS);
  const length = archiveHeaderLength(start) + 8;
  const { meta, size, headerSize } = decodeArchiveHeader(
    length > start.length ? readStart(repo, path, length) : start,
  );
  const isSymlink = (meta.mode & S.IFMT) === S.IFLNK;
  return {
    object,
    prefix: contentHashPrefix(meta),
    offset: headerSize,
    how: isSymlink ? 2 : 1,
    size: isSymlink ? null : size,
  };
}

function readStart(repo: Repo, path: string, limit: number): Uint8Array {
  const [read] = readObjects(repo, [path], { limit, xattr: '' });
  if (read === undefined || read.error !== 0)
    throw new UserError('BAD_OBJECT', `it cannot be read (errno ${read?.error ?? 0})`);
  return read.content;
}

function damageOf({ checksum, type }: Named, reason: string): Damage {
  return { checksum, type, reason };
}
