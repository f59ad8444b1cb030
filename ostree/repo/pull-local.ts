/** Copying commits from another repository of this machine; modes may differ. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { requireFreeSpace } from '#ostree/repo/free-space.ts';
import { inspectContent, readObjects } from '#ostree/repo/inspect.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import {
  hasObject,
  holderOf,
  loadCommit,
  loadMetadataBytes,
  readDetachedMetadata,
  writeDetachedMetadata,
} from '#ostree/repo/objects.ts';
import { markCommit, nothingReachable, type Reachable } from '#ostree/repo/reachable.ts';
import { isPartial, markPartial, unmarkPartial } from '#ostree/repo/partial.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { removeTombstone } from '#ostree/repo/tombstone.ts';
import { verifyContent } from '#ostree/repo/verify.ts';
import { Transaction, type FileSource } from '#ostree/repo/transaction.ts';

export interface PullResult {
  readonly metadata: number;
  readonly content: number;
  /** Bytes of content written. */
  readonly bytes: number;
}

const BATCH_FILES = 2000;
/** Of content that had to be decompressed into memory. */
const BATCH_BYTES = 32 * 1024 * 1024;

/**
 * Copies commits with all they need and sets refs at them, in one transaction. Every object is hashed on its way. Content
 * of a repository of the same mode, on the same file system, is shared by hardlinks.
 * @throws UserError NO_OBJECT, BAD_OBJECT naming an object whose content is not what its name says
 */
export function pullLocal(
  from: Repo,
  to: Repo,
  wanted: {
    /** `[remote:]ref` in the target, or null for no ref. */
    readonly commits: readonly { readonly refspec: string | null; readonly checksum: Checksum }[];
    /** Generations of parents to copy too; -1 all. */
    readonly depth?: number;
    /** Without what they need: commits that are new are marked as partial. */
    readonly commitsOnly?: boolean;
    /** Copies, where content could be shared by hardlinks. */
    readonly copy?: boolean;
  },
): PullResult {
  const reachable = nothingReachable();
  const isWhole = wanted.commitsOnly !== true;
  for (const { checksum } of wanted.commits) {
    loadCommit(from, checksum);
    const depth = wanted.depth ?? 0;
    if (isWhole) markCommit(from, reachable, { commit: checksum, depth });
    else for (const commit of history(from, checksum, depth)) reachable.commits.add(commit);
  }
  const present = [...reachable.commits].filter((commit) => hasObject(from, commit, 'commit'));
  const links = wanted.copy !== true && mayLink(from, to);
  if (!links) requireFreeSpace(to, spaceNeeded(from, to, reachable));
  const txn = Transaction.begin(to);
  try {
    copyContent(from, txn, { reachable, links });
    if (!isWhole) for (const commit of present) if (!txn.has(commit, 'commit')) markPartial(to, commit);
    const metadata = copyMetadata(from, txn, reachable);
    for (const { refspec, checksum } of wanted.commits) if (refspec !== null) txn.setRef(refspec, checksum);
    const stats = txn.commit();
    copyDetached(from, to, reachable);
    for (const commit of present) {
      if (isWhole && !isPartial(from, commit)) unmarkPartial(to, commit);
      removeTombstone(to, commit);
    }
    return { metadata, content: stats.contentWritten, bytes: stats.contentBytes };
  } finally {
    txn.abort();
  }
}

/** A commit and so many generations of its parents, as far as they are there. */
function history(repo: Repo, commit: Checksum, depth: number): Checksum[] {
  const found: Checksum[] = [];
  let next: Checksum | null = commit;
  for (let left = depth; next !== null && hasObject(repo, next, 'commit'); left--) {
    found.push(next);
    next = left === 0 ? null : loadCommit(repo, next).parent;
  }
  return found;
}

/** Bytes of the content that the target lacks, in its blocks; a lower bound where it is kept compressed. */
function spaceNeeded(from: Repo, to: Repo, { files }: Reachable): number {
  if (to.mode === 'archive') return 0;
  const { bsize } = to.sys.statfs(to.fd);
  const missing = [...files].filter((checksum) => !hasObject(to, checksum, 'file'));
  return contentSizes(from, missing).reduce((sum, size) => sum + Math.ceil(size / bsize) * bsize, 0);
}

/** What is damaged or missing counts for nothing: the copying says so. */
function contentSizes(from: Repo, checksums: readonly Checksum[]): number[] {
  if (from.mode === 'archive') return [...inspectContent(from, checksums).values()].map(({ size }) => size);
  const paths = checksums.map((checksum) => objectPath(checksum, 'file', from.mode));
  return readObjects(from, paths, { limit: 0, xattr: '' }).map(({ error, size }) => (error === 0 ? size : 0));
}

function copyMetadata(from: Repo, txn: Transaction, reachable: Reachable): number {
  let copied = 0;
  // Commits last, as in every write: what they name is there before them.
  const types = [
    ['dirmeta', reachable.dirmetas],
    ['dirtree', reachable.dirtrees],
    ['commit', reachable.commits],
  ] as const;
  for (const [type, checksums] of types)
    for (const checksum of checksums) {
      if (txn.has(checksum, type)) continue;
      // A parent that the source does not have is not needed.
      if (type === 'commit' && !hasObject(from, checksum, 'commit')) continue;
      verifySame(checksum, txn.writeMetadata(type, loadMetadataBytes(from, checksum, type)));
      copied++;
    }
  return copied;
}

function mayLink(from: Repo, to: Repo): boolean {
  return from.mode === to.mode && from.sys.fstat(from.objectsFd).dev === to.sys.fstat(to.objectsFd).dev;
}

function copyContent(
  from: Repo,
  txn: Transaction,
  { reachable, links }: { readonly reachable: Reachable; readonly links: boolean },
): void {
  const missing = [...reachable.files].filter((checksum) => !txn.has(checksum, 'file'));
  const isOwn = (checksum: Checksum): boolean => links && holderOf(from, checksum, 'file') === from;
  const own = missing.filter(isOwn);
  const linked = new Set<Checksum>();
  for (let at = 0; at < own.length; at += BATCH_FILES) {
    const batch = own.slice(at, at + BATCH_FILES);
    const [damage] = verifyContent(from, batch);
    if (damage !== undefined) throw corrupted(damage.reason);
    for (const checksum of batch) if (txn.linkObject(from.objectsFd, checksum)) linked.add(checksum);
  }
  writeContent(
    from,
    txn,
    missing.filter((checksum) => !linked.has(checksum)),
  );
}

function writeContent(from: Repo, txn: Transaction, checksums: readonly Checksum[]): void {
  let batch: { readonly checksum: Checksum; readonly file: FileSource }[] = [];
  let bytes = 0;
  const flush = (): void => {
    const written = txn.writeFiles(
      from.objectsFd,
      batch.map(({ file }) => file),
    );
    batch.forEach(({ checksum }, index) => verifySame(checksum, written[index]));
    batch = [];
    bytes = 0;
  };
  for (const checksum of checksums) {
    const file = sourceOf(from, checksum);
    batch.push({ checksum, file });
    bytes += file.source.kind === 'bytes' ? file.source.bytes.length : 0;
    if (batch.length >= BATCH_FILES || bytes >= BATCH_BYTES) flush();
  }
  flush();
}

function sourceOf(from: Repo, checksum: Checksum): FileSource {
  const content = loadContent(from, checksum);
  const { meta, size } = content;
  if ((meta.mode & S.IFMT) === S.IFLNK) return { meta, source: { kind: 'none' } };
  return from.mode === 'archive' || holderOf(from, checksum, 'file') !== from
    ? { meta, source: { kind: 'bytes', bytes: content.read() } }
    : { meta, source: { kind: 'path', path: objectPath(checksum, 'file', from.mode), size } };
}

function copyDetached(from: Repo, to: Repo, reachable: Reachable): void {
  for (const commit of reachable.commits) {
    const detached = readDetachedMetadata(from, commit);
    if (detached !== null) writeDetachedMetadata(to, commit, detached);
  }
}

function verifySame(expected: Checksum, actual: Checksum | undefined): void {
  if (actual !== expected)
    throw corrupted(`Corrupted file object; checksum expected='${expected}' actual='${actual ?? ''}'`);
}

function corrupted(reason: string): UserError {
  return new UserError('BAD_OBJECT', `in the source: ${reason}`, {
    hint: `'ostree fsck' on the source names all damaged objects`,
  });
}
