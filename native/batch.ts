/**
 * Work on many files in one native call, several threads inside. But for `populateTree` and `indexDirtree`, which read
 * dirtrees and dirmetas, these calls know no OSTree format: headers, names and attribute values are handed in as bytes, in packed little-endian buffers (`ostree/repo/packed.ts` writes and
 * reads them). `digest` below is a SHA-256 of 32 bytes; a file `digest + suffix` is `XX/<62 hex digits><suffix>`.
 * A call that fails throws a `SyscallError` that names the file.
 */
import type { Fd } from '#native/syscalls.ts';

export interface BatchCalls {
  /** zlib raw deflate at `level`; of the whole buffer. */
  deflateRaw(bytes: Uint8Array, level: number): Uint8Array;
  /** The inverse. @throws EINVAL where `bytes` are no deflate stream or do not give exactly `size` bytes */
  inflateRaw(bytes: Uint8Array, size: number): Uint8Array;

  /**
   * Everything below `path` (without itself), each directory's entries together and sorted bytewise. Records:
   * u32 parent (record number, 0xffffffff for `path`), u32 mode, u32 uid, u32 gid, f64 size, f64 ino, f64 dev,
   * u16+bytes name, u16+bytes symlink target, u32+bytes xattrs. `xattrs` says of which entries they are read.
   */
  scanTree(dir: Fd, path: string, xattrs: ScanXattrs): Uint8Array;

  /**
   * The first `limit` bytes of many files. `paths`: u16+bytes each. Records of the result: u32 errno (0 where it was
   * read), f64 size of the file, u32 mode, u32+bytes content, u32+bytes the value of `xattr` (empty where not set).
   */
  readFiles(dir: Fd, paths: Uint8Array, options: ReadFilesOptions): Uint8Array;

  /**
   * SHA-256 of many files. `plan`: u16+bytes path, u32+bytes prefix (hashed first), u32 offset, u8 how
   * (0 the bytes from offset, 1 their raw inflation, 2 only the prefix). Records of the result: u32 errno
   * (EIO/EINVAL for a broken stream), f64 bytes of content hashed, 32 bytes digest.
   */
  hashFiles(dir: Fd, plan: Uint8Array): Uint8Array;

  /** Hashes many files and stores those that are new; `StoreOptions` and `ostree/repo/store-plan.ts` describe it. */
  storeFiles(source: Fd, plan: Uint8Array, options: StoreOptions): Uint8Array;

  /** The same on another thread; the descriptors must stay open until the promise is settled. */
  storeFilesAside(source: Fd, plan: Uint8Array, options: StoreOptions): Promise<Uint8Array>;

  /** Moves `paths` (u16+bytes each) from one directory to the same path below another; one that exists there stays. */
  moveFiles(from: Fd, to: Fd, paths: Uint8Array): void;

  /** Unlinks `paths` (u16+bytes each); one that is gone is fine. */
  unlinkFiles(dir: Fd, paths: Uint8Array): void;

  /** Makes a tree of directories and files; `PopulateOptions` and `ostree/repo/checkout-plan.ts` describe it. */
  populate(source: Fd, target: Fd, plan: Uint8Array, options: PopulateOptions): PopulateResult;

  /**
   * As `populate`, of a whole stored tree: `source` has its dirtree and dirmeta objects and, with `options.suffix`,
   * its files, whose inodes have the owners, modes and attributes. @throws EBADMSG where a dirtree or dirmeta is
   * malformed, naming the object, after a part of the tree was made
   */
  populateTree(source: Fd, target: Fd, tree: StoredTreeTarget, options: PopulateOptions): PopulateResult;

  /**
   * Where the names of a dirtree object stand: the number of files, then offset and length of each file's name and of
   * each directory's; checksums follow a name and its NUL. Null where the object is malformed, or not sorted bytewise
   * by unique names in UTF-8.
   */
  indexDirtree(bytes: Uint8Array): Uint32Array | null;

  /** As `Syscalls.removeTree`, several threads. */
  removeTreeFast(dir: Fd, path: string): void;
}

export type ScanXattrs = 'none' | 'directories' | 'all';

export interface ReadFilesOptions {
  /** Bytes of content wanted of each file; 0 reads only the attributes. */
  readonly limit: number;
  /** Name of the extended attribute wanted, or ''. */
  readonly xattr: string;
}

export interface StoreOptions {
  /** Where new files are made, as `digest + suffix`. */
  readonly staging: Fd;
  /** Where files may be already; those are not made again. */
  readonly store: Fd;
  readonly suffix: string;
  /** Level of raw deflate, or -1 to store content as it is. */
  readonly deflateLevel: number;
  /** Bytes that may be stored (block-rounded) before the call fails with EDQUOT. */
  readonly budget: number;
}

export interface PopulateOptions {
  readonly suffix: string;
  /** What happens where a name is taken. */
  readonly overwrite: 'none' | 'union' | 'union-add' | 'union-identical';
  /** Linking that the file system refuses (other device, too many links) is an error instead of a copy. */
  readonly requireLinks: boolean;
  /** Copies get the owner (and directories theirs). */
  readonly owners: boolean;
  /** Copies get the extended attributes (and directories theirs). */
  readonly xattrs: boolean;
  /** Copy instead of linking. */
  readonly forceCopy: boolean;
}

export interface StoredTreeTarget {
  /** Of the directory to make; '' fills the target itself. */
  readonly name: string;
  /** Digests of the root's dirtree and dirmeta. */
  readonly contents: Uint8Array;
  readonly meta: Uint8Array;
  /** `.ostree-wh.NAME` becomes an overlay whiteout NAME. */
  readonly whiteouts: boolean;
}

export interface PopulateResult {
  readonly linked: number;
  readonly copied: number;
  readonly directories: number;
  /** Paths (below the target) that 'union-identical' found taken by another inode. */
  readonly taken: readonly string[];
}
