import type { StoreOptions } from '#native/batch.ts';
import type { Fd } from '#native/syscalls.ts';
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { encodeCommit, type Commit } from '#ostree/format/commit.ts';
import { encodeDirmeta } from '#ostree/format/dirmeta.ts';
import { encodeDirtree, type Dirtree } from '#ostree/format/dirtree.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import type { ContentMeta } from '#ostree/format/file-header.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { openFileWriter, type FileWriter } from '#ostree/repo/file-writer.ts';
import { freeSpaceRule, type FreeSpaceRule } from '#ostree/repo/free-space.ts';
import { objectPath, objectSuffix, type ObjectType } from '#ostree/repo/object-path.ts';
import { hasObject } from '#ostree/repo/objects.ts';
import { PackReader, PackWriter } from '#ostree/repo/packed.ts';
import { publish } from '#ostree/repo/publish.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { deflateLevel, lockRepo } from '#ostree/repo/settings.ts';
import { clearStaleStaging, closeStaging, openStaging, type Staging } from '#ostree/repo/staging.ts';
import { packMetadata, packStore, sizeOf, type ContentSource } from '#ostree/repo/store-plan.ts';
import { updateSummary, wantsSummary } from '#ostree/repo/update-summary.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';

export interface FileSource {
  readonly meta: ContentMeta;
  readonly source: ContentSource;
}

export interface TransactionStats {
  readonly metadataTotal: number;
  readonly metadataWritten: number;
  readonly contentTotal: number;
  readonly contentWritten: number;
  /** Bytes of the content objects that were new. */
  readonly contentBytes: number;
}

type MetadataType = 'dirtree' | 'dirmeta' | 'commit';

/** Metadata waits in memory up to this many bytes before it is written to the staging directory. */
const PENDING_LIMIT = 8 * 1024 * 1024;
/** Files in one native call: the plan and its results stay small. */
const BATCH = 4096;

/**
 * One change of a repository. Objects wait in a staging directory until `commit`; until its last step, the renaming of
 * refs, a crash leaves the repository as it was plus that directory, which the next transaction removes.
 * The caller ends it with `commit` or `abort`.
 */
export class Transaction {
  readonly repo: Repo;
  private readonly lockFd: Fd;
  private readonly staging: Staging;
  private readonly space: FreeSpaceRule;
  private spent = 0;
  private pending = new Map<string, { readonly type: MetadataType; readonly bytes: Uint8Array }>();
  private pendingBytes = 0;
  /** Paths below `objects/` of what lies in the staging directory. */
  private readonly staged = new Set<string>();
  private readonly refs = new Map<string, Checksum | null>();
  private readonly counts = { metadataTotal: 0, contentTotal: 0, contentWritten: 0, metadataWritten: 0 };
  private contentBytes = 0;
  private ended = false;

  private constructor(
    repo: Repo,
    held: { readonly lockFd: Fd; readonly staging: Staging; readonly space: FreeSpaceRule },
  ) {
    this.repo = repo;
    this.lockFd = held.lockFd;
    this.staging = held.staging;
    this.space = held.space;
  }

  /** Waits for a process that prunes (it holds the lock alone); removes what interrupted transactions left. */
  static begin(repo: Repo): Transaction {
    const lockFd = lockRepo(repo, 'shared');
    try {
      clearStaleStaging(repo);
      const space = freeSpaceRule(repo);
      return new Transaction(repo, { lockFd, staging: openStaging(repo), space });
    } catch (error) {
      repo.sys.close(lockFd);
      throw error;
    }
  }

  writeDirtree(tree: Dirtree): Checksum {
    return this.writeMetadata('dirtree', encodeDirtree(tree));
  }

  writeDirmeta(meta: FileMeta): Checksum {
    return this.writeMetadata('dirmeta', encodeDirmeta(meta));
  }

  writeCommit(commit: Commit): Checksum {
    return this.writeMetadata('commit', encodeCommit(commit));
  }

  /** A metadata object from its bytes; they are not checked. */
  writeMetadata(type: MetadataType, bytes: Uint8Array): Checksum {
    const hash = this.repo.sys.sha256();
    hash.update(bytes);
    const checksum = hash.digest() as Checksum;
    this.counts.metadataTotal++;
    if (this.has(checksum, type)) return checksum;
    this.counts.metadataWritten++;
    this.pending.set(objectPath(checksum, type, this.repo.mode), { type, bytes });
    this.pendingBytes += bytes.length;
    if (this.pendingBytes > PENDING_LIMIT) this.flush();
    return checksum;
  }

  /** A regular file whose content is at hand; `openFile` is for large ones. */
  writeFile(meta: FileMeta, content: Uint8Array): Checksum {
    return this.writeOne({ meta: { ...meta, target: '' }, source: { kind: 'bytes', bytes: content } });
  }

  writeSymlink(meta: FileMeta, target: string): Checksum {
    return this.writeOne({ meta: { ...meta, target }, source: { kind: 'none' } });
  }

  /** A regular file of `size` bytes that is written in pieces. */
  openFile(meta: FileMeta, size: number): FileWriter {
    return openFileWriter(this.repo, this.staging.fd, {
      size,
      store: (fd) =>
        this.writeOne({
          meta: { ...meta, target: '' },
          source: { kind: 'path', path: `/proc/self/fd/${fd}`, size },
        }),
    });
  }

  /**
   * Hashes and stores many files in one native call; paths are relative to `root`.
   * @returns their checksums in the same order
   * @throws UserError NO_SPACE, and SyscallError for a source that cannot be read
   */
  writeFiles(root: Fd, files: readonly FileSource[]): Checksum[] {
    const checksums: Checksum[] = [];
    for (let at = 0; at < files.length; at += BATCH)
      checksums.push(...this.writeBatch(root, files.slice(at, at + BATCH)));
    return checksums;
  }

  /** Host path of a file in the staging directory, where one is made that `adoptFile` is to take. */
  stagedPath(name: string): string {
    return `${this.repo.path}/${this.staging.path}/${name}`;
  }

  /**
   * Stores the regular file `name` of the staging directory, without a copy where the repository keeps content as it
   * is; the file is then no longer there. It is hashed on another thread: nothing may change it, and the transaction
   * must not be ended, before the promise is settled. @throws UserError NO_SPACE
   */
  async adoptFile(meta: FileMeta, name: string): Promise<Checksum> {
    const { size } = this.repo.sys.lstat(this.staging.fd, name) ?? { size: 0 };
    const isKept = this.repo.mode !== 'archive';
    const source: ContentSource = { kind: isKept ? 'staged' : 'path', path: name, size };
    const file: FileSource = { meta: { ...meta, target: '' }, source };
    const plan = new PackWriter();
    packStore(plan, this.repo.mode, file);
    try {
      const stored = this.repo.sys.storeFilesAside(this.staging.fd, plan.finish(), this.storeOptions('file'));
      const [checksum] = this.taken(await stored, [file]);
      if (checksum === undefined) throw new Error('storeFiles returned nothing');
      return checksum;
    } catch (error) {
      throw this.explained(error);
    }
  }

  /**
   * Takes a content object of a repository of the same mode, open as `from`, by a hardlink; nothing of it is checked.
   * @returns whether the file system does that
   */
  linkObject(from: Fd, checksum: Checksum): boolean {
    const { sys, mode } = this.repo;
    const path = objectPath(checksum, 'file', mode);
    try {
      if (sys.lstat(this.staging.fd, path.slice(0, 2)) === null)
        sys.mkdir(this.staging.fd, path.slice(0, 2), 0o775);
      sys.link(from, path, this.staging.fd, path);
    } catch (error) {
      // Another device, too many links, or a file of somebody else that may not be linked.
      if (['EXDEV', 'EMLINK', 'EPERM', 'EOPNOTSUPP'].includes(codeOf(error) ?? '')) return false;
      throw this.explained(error);
    }
    this.staged.add(path);
    this.counts.contentTotal++;
    this.counts.contentWritten++;
    return true;
  }

  /** Whether the object is staged here or in the repository. */
  has(checksum: Checksum, type: ObjectType): boolean {
    const path = objectPath(checksum, type, this.repo.mode);
    return this.pending.has(path) || this.staged.has(path) || hasObject(this.repo, checksum, type);
  }

  /** Sets `[remote:]ref` at `commit`; null removes it. @throws UserError BAD_REF_NAME */
  setRef(refspec: string, checksum: Checksum | null): void {
    parseRefspec(refspec);
    this.refs.set(refspec, checksum);
  }

  /**
   * Makes everything durable, then visible: sync of the staged data, renames, sync of the names, renames of the refs.
   * @throws UserError NO_SPACE, REF_CONFLICT; the transaction is then aborted and the refs are as before
   */
  commit(): TransactionStats {
    try {
      this.flush();
      publish(this.repo, this.staging, { paths: [...this.staged], refs: this.refs });
    } catch (error) {
      this.abort();
      throw this.explained(error);
    }
    this.end();
    if (this.refs.size > 0 && wantsSummary(this.repo, 'refs')) updateSummary(this.repo);
    return { ...this.counts, contentBytes: this.contentBytes };
  }

  /** Throws the staged objects away. May be called at any time, also after `commit`. */
  abort(): void {
    if (!this.ended) this.end();
  }

  private end(): void {
    this.ended = true;
    try {
      closeStaging(this.repo, this.staging);
    } finally {
      this.repo.sys.close(this.lockFd);
    }
  }

  private writeBatch(root: Fd, files: readonly FileSource[]): Checksum[] {
    const plan = new PackWriter(files.length * 160);
    for (const file of files) packStore(plan, this.repo.mode, file);
    return this.taken(this.store(root, plan, 'file'), files);
  }

  /** Takes the results of a store call into account. */
  private taken(results: Uint8Array, files: readonly FileSource[]): Checksum[] {
    const result = new PackReader(results);
    return files.map(({ source }) => {
      const isNew = result.u32() === 1;
      const checksum = checksumFromBytes(result.raw(32));
      this.counts.contentTotal++;
      if (isNew) this.addStagedFile(checksum, sizeOf(source));
      return checksum;
    });
  }

  private writeOne(file: FileSource): Checksum {
    const [checksum] = this.writeFiles(this.staging.fd, [file]);
    if (checksum === undefined) throw new Error('storeFiles returned nothing');
    return checksum;
  }

  private addStagedFile(checksum: Checksum, size: number): void {
    this.staged.add(objectPath(checksum, 'file', this.repo.mode));
    this.counts.contentWritten++;
    this.contentBytes += size;
    this.spent += size;
  }

  private flush(): void {
    for (const type of ['dirmeta', 'dirtree', 'commit'] as const) {
      const entries = [...this.pending].filter(([, entry]) => entry.type === type);
      if (entries.length === 0) continue;
      const plan = new PackWriter(entries.length * 256);
      for (const [, { bytes }] of entries) packMetadata(plan, bytes);
      this.store(this.staging.fd, plan, type);
      for (const [path] of entries) this.staged.add(path);
    }
    this.pending = new Map();
    this.pendingBytes = 0;
  }

  private store(root: Fd, plan: PackWriter, type: ObjectType): Uint8Array {
    try {
      return this.repo.sys.storeFiles(root, plan.finish(), this.storeOptions(type));
    } catch (error) {
      throw this.explained(error);
    }
  }

  private storeOptions(type: ObjectType): StoreOptions {
    if (this.ended) throw new Error('the transaction has ended');
    const isContent = type === 'file';
    return {
      staging: this.staging.fd,
      store: this.repo.objectsFd,
      suffix: objectSuffix(type, this.repo.mode),
      deflateLevel: isContent && this.repo.mode === 'archive' ? deflateLevel(this.repo) : -1,
      budget: isContent ? this.space.budget - this.spent : Infinity,
    };
  }

  /** What the system says of a full disk, as the error that tells so; any other error as it is. */
  explained(error: unknown): unknown {
    const hint = `free some space ('ostree prune' removes unreferenced commits)`;
    if (codeOf(error) === 'EDQUOT' && this.space.budget !== Infinity)
      return new UserError('NO_SPACE', `${this.space.setting} would be exceeded in ${this.repo.path}`, {
        hint,
        cause: error,
      });
    if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'SQLITE_FULL')
      return new UserError('NO_SPACE', `no space left on the file system of ${this.repo.path}`, {
        hint,
        cause: error,
      });
    return error;
  }
}
