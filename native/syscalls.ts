/**
 * The one door to the kernel. Everything in `ostree/`, `bootloader/` and `prepare-root/` takes a `Syscalls`
 * as an argument; only a `main.ts` loads an implementation: the Node addon (`native/load.ts`) or the compact
 * engine's host. The names and the meaning are those of the system calls (man 2 …); paths are relative to a
 * directory file descriptor (`AT_FDCWD` for the working directory).
 *
 * Every call that fails throws a `SyscallError`. Calls documented to return null do so for ENOENT and ENOTDIR.
 */
export interface SyscallError extends Error {
  /** The errno's name: 'ENOENT', 'ENOSPC', … */
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
}

export type Fd = number;
export const AT_FDCWD: Fd = -100;

/** The values of x86-64 and arm64 Linux that agree; `O` differs by architecture and comes from the host. */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
} as const;

export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
} as const;

/** Attributes of `fsmount` and `mountSetattr`. */
export const MOUNT_ATTR = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8 } as const;

export const MNT_DETACH = 2;
export const ST_RDONLY = 1;
export const CLONE_NEWNS = 0x20000;

export interface Stat {
  /** Type and permission bits, as in st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** st_dev as one number (exact up to 2^53). */
  readonly dev: number;
  readonly ino: number;
  readonly nlink: number;
  readonly rdev: number;
  /** Seconds since the epoch (whole) and the nanoseconds beside them. */
  readonly mtime: number;
  readonly mtimeNsec: number;
}

export interface FsStat {
  /** f_type, e.g. 0xef53 for ext4, 0x4d44 for vfat. */
  readonly type: number;
  /** Block size in bytes; `blocks`, `bfree`, `bavail` count these. */
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  /** ST_RDONLY … */
  readonly flags: number;
}

export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

export interface Xattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** SHA-256 over bytes handed in piecewise; `digest` may be called once. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Lower-case hex, 64 characters. */
  digest(): string;
}

export type OpenFlag =
  | 'read'
  | 'write'
  | 'read-write'
  | 'directory'
  | 'path'
  | 'create'
  | 'exclusive'
  | 'truncate'
  | 'append'
  | 'nofollow'
  | 'tmpfile';

export interface Syscalls {
  /** open(2) with O_CLOEXEC; `flags` in words, `mode` for created files (default 0o666, umask applies). */
  open(dir: Fd, path: string, flags: readonly OpenFlag[], mode?: number): Fd;
  close(fd: Fd): void;
  /** One read(2) of at most `maximum` bytes; empty at the end of the file. */
  read(fd: Fd, maximum: number): Uint8Array;
  /** lseek(2): where the next `read` or `write` begins, in bytes from the start. */
  seek(fd: Fd, offset: number): void;
  /** Writes all of it (loops over write(2)). */
  write(fd: Fd, data: Uint8Array | string): void;
  /** The whole file. ENOENT is thrown. Follows symlinks. */
  readFile(dir: Fd, path: string): Uint8Array;
  /** The whole file as UTF-8 text; null where there is none. */
  readText(dir: Fd, path: string): string | null;

  /** stat(2), following symlinks; null where there is nothing. */
  stat(dir: Fd, path: string): Stat | null;
  /** lstat(2); null where there is nothing. */
  lstat(dir: Fd, path: string): Stat | null;
  fstat(fd: Fd): Stat;
  statfs(fd: Fd): FsStat;
  /** The link's text; null where there is nothing; EINVAL is thrown for what is not a symlink. */
  readlink(dir: Fd, path: string): string | null;
  /** Without `.` and `..`, sorted bytewise. ENOENT is thrown. */
  readdir(dir: Fd, path: string): DirectoryEntry[];
  /** realpath(3) of a path seen from the working directory. */
  realpath(path: string): string;

  mkdir(dir: Fd, path: string, mode: number): void;
  rmdir(dir: Fd, path: string): void;
  unlink(dir: Fd, path: string): void;
  /** rm -rf without following symlinks or crossing into other mounts; clears immutable flags. Nothing there is fine. */
  removeTree(dir: Fd, path: string): void;
  rename(fromDir: Fd, from: string, toDir: Fd, to: string): void;
  /** renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE. */
  rename2(fromDir: Fd, from: string, toDir: Fd, to: string, how: 'noreplace' | 'exchange'): void;
  /** linkat(2) without following; an fd opened with 'tmpfile' is linked by `linkFd`. */
  link(fromDir: Fd, from: string, toDir: Fd, to: string): void;
  linkFd(fd: Fd, toDir: Fd, to: string): void;
  symlink(target: string, dir: Fd, path: string): void;
  mknod(dir: Fd, path: string, mode: number, rdev: number): void;

  /** fchmodat; the path must not be a symlink. */
  chmod(dir: Fd, path: string, mode: number): void;
  fchmod(fd: Fd, mode: number): void;
  /** lchown: never follows. */
  chown(dir: Fd, path: string, uid: number, gid: number): void;
  fchown(fd: Fd, uid: number, gid: number): void;
  /** Sets atime and mtime, not following symlinks. */
  utimes(dir: Fd, path: string, seconds: number, nanoseconds: number): void;
  ftruncate(fd: Fd, size: number): void;
  umask(mask: number): number;

  /** All extended attributes of a path (not following), sorted by name; file systems without any give []. */
  xattrs(dir: Fd, path: string): Xattr[];
  setXattr(dir: Fd, path: string, name: string, value: Uint8Array): void;
  removeXattr(dir: Fd, path: string, name: string): void;
  /** The extended attribute of an open file; null where it is not set. */
  fgetXattr(fd: Fd, name: string): Uint8Array | null;
  fsetXattr(fd: Fd, name: string, value: Uint8Array): void;

  fsync(fd: Fd): void;
  fdatasync(fd: Fd): void;
  /** Its error is thrown (since Linux 5.8 a failed write-back shows here). */
  syncfs(fd: Fd): void;
  /** FS_IOC_GETFLAGS/SETFLAGS: the immutable flag (chattr +i). False where the file system has no flags. */
  setImmutable(fd: Fd, immutable: boolean): boolean;
  /**
   * FIFREEZE, then FITHAW of the file system. A forked process thaws it should this one die in between, or take longer
   * than 30 seconds. The other two words try that process out: as if this one had died with the file system frozen, or
   * before anything was frozen; it then says 'fifreeze watchdog was run' on standard error.
   */
  freezeThaw(fd: Fd, how: 'real' | 'dies-between' | 'dies-before'): void;
  /** F_OFD_SETLK(W) on the whole file. Returns false where `wait` is false and somebody else holds it. */
  lock(fd: Fd, kind: 'shared' | 'exclusive' | 'unlock', wait: boolean): boolean;
  /** F_OFD_GETLK / /proc/locks: the process that holds a conflicting lock, where that can be known. */
  lockHolder(fd: Fd): number | null;

  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): void;
  umount(target: string, flags: number): void;
  /** fsopen(2), close-on-exec. Reading the fd gives what the kernel says about an error. */
  fsopen(type: string): Fd;
  /** fsconfig(2): FSCONFIG_SET_STRING, or FSCONFIG_SET_FLAG where `value` is null. */
  fsconfig(fs: Fd, key: string, value: string | null): void;
  /** FSCONFIG_CMD_CREATE, then fsmount(2) with `attributes` of MOUNT_ATTR: a mount that is attached nowhere yet. */
  fsmount(fs: Fd, attributes: number): Fd;
  /** open_tree(2) with OPEN_TREE_CLONE: a copy of the mount at `path` (without those below it), attached nowhere yet. */
  openTree(dir: Fd, path: string): Fd;
  /** mount_setattr(2) on an fd of `fsmount` or `openTree`; `set` and `clear` of MOUNT_ATTR. */
  mountSetattr(mount: Fd, set: number, clear: number): void;
  /** move_mount(2) of such an fd to a path seen from the working directory. */
  moveMount(mount: Fd, to: string): void;
  /**
   * A free loop device made a read-only view of the file (LOOP_CTL_GET_FREE, LOOP_CONFIGURE), opened; it goes with its
   * last user (LO_FLAGS_AUTOCLEAR). ENOENT where the kernel has no loop devices.
   */
  attachLoop(file: Fd): Fd;
  unshare(flags: number): void;
  /** setns(2), after unshare(CLONE_FS): a process with other threads could not change its mount namespace else. */
  setns(namespace: Fd, kind: number): void;
  pivotRoot(newRoot: string, putOld: string): void;
  chroot(path: string): void;
  chdir(path: string): void;
  fchdir(fd: Fd): void;
  /** Replaces the process; returns only by throwing. */
  exec(path: string, argv: readonly string[], env: readonly string[]): void;
  /**
   * Runs a program of the caller's PATH with the caller's standard streams, and waits for it: its exit code, 128 + N
   * where signal N ended it, null where there is no such program.
   */
  spawn(program: string, argv: readonly string[], env: readonly string[]): number | null;
  /**
   * As `spawn`, with an empty standard input and both outputs written to `output`, of more than 64 kB the first 16 and
   * the last 48 with a line `[cut: …]` between; 'timeout' where the program took longer than so many seconds: it and
   * what it started (its process group) got SIGTERM, and 2 seconds later SIGKILL.
   */
  spawnLimited(
    program: string,
    argv: readonly string[],
    env: readonly string[],
    output: Fd,
    seconds: number,
  ): number | null | 'timeout';
  /** _exit(2): ends the process at once, without the engine's own clean-up. Output must have been written. */
  exit(code: number): never;
  getpid(): number;
  geteuid(): number;

  sha256(): Sha256;
  /** FS_IOC_MEASURE_VERITY: the digest's bytes (32 of SHA-256); null where the file or file system has no fs-verity. */
  measureVerity(fd: Fd): Uint8Array | null;
  /**
   * FS_IOC_ENABLE_VERITY with SHA-256 and blocks of 4096 bytes, on a file opened to read that nobody has open to write.
   * False where the file system has no fs-verity; a file that has it already is left as it is.
   */
  enableVerity(fd: Fd): boolean;
  /** Whether an Ed25519 signature (64 bytes) of the message is valid under a public key (32); other lengths: false. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** One datagram to a Unix socket; false where nobody listens there (ENOENT, ECONNREFUSED). */
  sendDatagram(socket: string, data: string): boolean;
  /** Seconds since the epoch (whole). */
  now(): number;
  /** `length` random bytes as lower-case hex (2 characters a byte). */
  randomHex(length: number): string;
}
