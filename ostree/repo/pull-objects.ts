/** Bringing what commits need into the repository: metadata from the root down, content in batches, all verified. */
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { decodeCommit } from '#ostree/format/commit.ts';
import { decodeDirmeta } from '#ostree/format/dirmeta.ts';
import { decodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { hasObject, loadDirtree } from '#ostree/repo/objects.ts';
import type { MetadataType, PullSource } from '#ostree/repo/pull-source.ts';
import { inParallel } from '#ostree/repo/pull-width.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { Transaction, type FileSource } from '#ostree/repo/transaction.ts';

/** What a pull has done so far. */
export interface PullCounts {
  metadataFetched: number;
  metadataLocal: number;
  contentFetched: number;
  contentLocal: number;
  /** Bytes of content written. */
  bytesWritten: number;
}

export interface ObjectPull {
  readonly repo: Repo;
  readonly source: PullSource;
  /** Repositories of this machine that are looked into first. */
  readonly caches: readonly PullSource[];
  /** Only these parts of the tree (`/a/b`), or all. */
  readonly subpaths: readonly string[];
  /** Refuses content that a bare-user-only repository could not hold. */
  readonly bareUserOnly: boolean;
  /** A directory for content on its way. */
  readonly scratch: string;
  readonly signal: AbortSignal | undefined;
  readonly counts: PullCounts;
}

interface Tree {
  readonly checksum: Checksum;
  /** `/` for the root. */
  readonly path: string;
}

/** Requests under way at once. */
const WIDTH = 8;
const BATCH_FILES = 1000;
const BATCH_BYTES = 64 * 1024 * 1024;
/** The bits that files of bare-user-only repositories may have. */
const PERMITTED_MODE = 0o775;

/**
 * Fetches the trees of commits. What has come is published every now and then, so that an interrupted pull goes on
 * where it was; the caller has marked the commits as partial before.
 * @throws UserError FETCH_FAILED, NO_OBJECT, BAD_OBJECT, NO_SPACE
 */
export async function pullTrees(
  pull: ObjectPull,
  roots: readonly { readonly contents: Checksum; readonly meta: Checksum }[],
): Promise<void> {
  const writer = new ObjectWriter(pull);
  try {
    const files = await pullDirectories(pull, writer, roots);
    await pullFiles(pull, writer, files);
  } finally {
    // Also after a failure: every object was verified on its way in.
    writer.finish();
  }
}

/** One metadata object from the caches or the source, verified and structurally checked. Null where nobody has it. */
export async function fetchMetadata(
  pull: Pick<ObjectPull, 'repo' | 'source' | 'caches' | 'counts'>,
  checksum: Checksum,
  type: MetadataType,
): Promise<Uint8Array | null> {
  for (const cache of pull.caches) {
    const bytes = await cache.metadata(checksum, type);
    if (bytes === null) continue;
    pull.counts.metadataLocal++;
    return verified(pull.repo, { checksum, type, bytes });
  }
  const bytes = await pull.source.metadata(checksum, type);
  if (bytes === null) return null;
  pull.counts.metadataFetched++;
  return verified(pull.repo, { checksum, type, bytes });
}

function verified(
  repo: Repo,
  object: { readonly checksum: Checksum; readonly type: MetadataType; readonly bytes: Uint8Array },
): Uint8Array {
  const { checksum, type, bytes } = object;
  const hash = repo.sys.sha256();
  hash.update(bytes);
  refuseOther(checksum, hash.digest(), type);
  during(`${checksum}.${type}`, () => {
    if (type === 'dirtree') decodeDirtree(bytes);
    else if (type === 'dirmeta') decodeDirmeta(bytes);
    else decodeCommit(bytes);
  });
  return bytes;
}

function refuseOther(expected: Checksum, actual: string | undefined, type: string): void {
  if (actual !== expected)
    throw new UserError(
      'BAD_OBJECT',
      `Corrupted ${type} object; checksum expected='${expected}' actual='${actual ?? ''}'`,
      { hint: 'the object is damaged on the server or on the way; nothing of it was kept' },
    );
}

/** All directories of the trees; breadth first, several at once. @returns the content objects they name */
async function pullDirectories(
  pull: ObjectPull,
  writer: ObjectWriter,
  roots: readonly { readonly contents: Checksum; readonly meta: Checksum }[],
): Promise<Set<Checksum>> {
  const files = new Set<Checksum>();
  const metas = new Set(roots.map(({ meta }) => meta));
  const seen = new Set<string>();
  let level: Tree[] = roots.map(({ contents }) => ({ checksum: contents, path: '/' }));
  while (level.length > 0) {
    const next: Tree[] = [];
    await inParallel(level, WIDTH, async ({ checksum, path }) => {
      const tree = await directory(pull, writer, checksum);
      for (const { name, checksum: file } of tree.files)
        if (isWanted(pull.subpaths, `${path}${name}`)) files.add(file);
      for (const { name, contents, meta } of tree.dirs) {
        const below = `${path}${name}/`;
        metas.add(meta);
        // The same directory below another path matters only where parts of the tree are chosen by path.
        const key = pull.subpaths.length === 0 ? contents : `${contents}${below}`;
        if (!isOnTheWay(pull.subpaths, below) || seen.has(key)) continue;
        seen.add(key);
        next.push({ checksum: contents, path: below });
      }
    });
    level = next;
  }
  const missing = [...metas].filter((meta) => !writer.has(meta, 'dirmeta'));
  await inParallel(missing, WIDTH, async (meta) => {
    writer.addMetadata('dirmeta', await required(pull, meta, 'dirmeta'));
  });
  return files;
}

async function directory(pull: ObjectPull, writer: ObjectWriter, checksum: Checksum): Promise<Dirtree> {
  pull.signal?.throwIfAborted();
  if (hasObject(pull.repo, checksum, 'dirtree')) return loadDirtree(pull.repo, checksum);
  const bytes = await required(pull, checksum, 'dirtree');
  writer.addMetadata('dirtree', bytes);
  return decodeDirtree(bytes);
}

async function required(pull: ObjectPull, checksum: Checksum, type: MetadataType): Promise<Uint8Array> {
  const bytes = await fetchMetadata(pull, checksum, type);
  if (bytes === null) throw notThere(pull, checksum, type);
  return bytes;
}

function notThere({ source }: ObjectPull, checksum: Checksum, type: string): UserError {
  return new UserError('NO_OBJECT', `${source.name} has no object ${checksum}.${type} (404: not found)`, {
    hint: 'the repository there is incomplete; its owner can check it with ostree fsck',
  });
}

/** Whether a file is below one of the subpaths. */
export function isWanted(subpaths: readonly string[], path: string): boolean {
  return subpaths.length === 0 || subpaths.some((one) => path === one || path.startsWith(withSlash(one)));
}

/** Whether a directory (`/a/b/`) leads to, is, or lies below one of the subpaths. */
export function isOnTheWay(subpaths: readonly string[], path: string): boolean {
  return (
    subpaths.length === 0 ||
    subpaths.some((one) => path.startsWith(withSlash(one)) || withSlash(one).startsWith(path))
  );
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

async function pullFiles(
  pull: ObjectPull,
  writer: ObjectWriter,
  files: ReadonlySet<Checksum>,
): Promise<void> {
  const missing = [...files].filter((checksum) => !writer.has(checksum, 'file'));
  await inParallel(missing, WIDTH, async (checksum) => {
    pull.signal?.throwIfAborted();
    writer.addContent(checksum, await content(pull, checksum));
  });
}

async function content(pull: ObjectPull, checksum: Checksum): Promise<FileSource> {
  for (const cache of pull.caches) {
    const found = await cache.content(checksum, pull.scratch);
    if (found === null) continue;
    pull.counts.contentLocal++;
    return checkedMode(pull, checksum, found);
  }
  const found = await pull.source.content(checksum, pull.scratch);
  if (found === null) throw notThere(pull, checksum, 'file');
  pull.counts.contentFetched++;
  return checkedMode(pull, checksum, found);
}

function checkedMode(pull: ObjectPull, checksum: Checksum, file: FileSource): FileSource {
  const mode = file.meta.mode & 0o7777;
  const isSymlink = file.source.kind === 'none';
  if (pull.bareUserOnly && !isSymlink && (mode & ~PERMITTED_MODE) !== 0)
    throw new UserError(
      'BAD_OBJECT',
      `Content object ${checksum}: invalid mode 0${(file.meta.mode & 0o177777).toString(8)} with bits 0${(mode & ~PERMITTED_MODE).toString(8)}`,
    );
  return file;
}

function sizeOf(source: FileSource['source']): number {
  if (source.kind === 'bytes') return source.bytes.length;
  return source.kind === 'path' ? source.size : 0;
}

/** Collects objects for a transaction, and begins a new one when enough has gathered. */
class ObjectWriter {
  private readonly pull: ObjectPull;
  private txn: Transaction;
  private batch: { readonly checksum: Checksum; readonly file: FileSource }[] = [];
  private batchBytes = 0;

  constructor(pull: ObjectPull) {
    this.pull = pull;
    this.txn = Transaction.begin(pull.repo);
  }

  has(checksum: Checksum, type: 'dirmeta' | 'file'): boolean {
    return this.txn.has(checksum, type);
  }

  addMetadata(type: MetadataType, bytes: Uint8Array): void {
    this.txn.writeMetadata(type, bytes);
  }

  addContent(checksum: Checksum, file: FileSource): void {
    this.batch.push({ checksum, file });
    this.batchBytes += sizeOf(file.source);
    // What came into a file of its own is large; what lies in a repository of this machine takes no room there.
    const isLarge = this.isScratch(file);
    if (this.batch.length >= BATCH_FILES || this.batchBytes >= BATCH_BYTES || isLarge) this.flush();
  }

  finish(): void {
    try {
      this.flush();
      this.publish();
    } finally {
      this.txn.abort();
    }
  }

  private flush(): void {
    const { batch } = this;
    this.batch = [];
    this.batchBytes = 0;
    if (batch.length === 0) return;
    const written = this.txn.writeFiles(
      AT_FDCWD,
      batch.map(({ file }) => file),
    );
    batch.forEach(({ checksum, file }, index) => {
      if (file.source.kind === 'path' && this.isScratch(file))
        this.pull.repo.sys.unlink(AT_FDCWD, file.source.path);
      refuseOther(checksum, written[index], 'file');
    });
    this.publish();
    this.txn = Transaction.begin(this.pull.repo);
  }

  private isScratch({ source }: FileSource): boolean {
    return source.kind === 'path' && source.path.startsWith(this.pull.scratch);
  }

  private publish(): void {
    this.pull.counts.bytesWritten += this.txn.commit().contentBytes;
  }
}
