/** Copies of single files and small trees, with owner, mode, extended attributes and times. */
import { S, type Fd, type Stat, type Syscalls } from '#native/syscalls.ts';

export interface Place {
  readonly dir: Fd;
  readonly path: string;
}

export interface CopyOptions {
  /** Extended attributes too (default true). */
  readonly xattrs?: boolean;
}

const CHUNK = 1 << 20;

/** Copies one file or symlink to a name that is free. Sockets, pipes and devices are passed over. */
export function copyNode(sys: Syscalls, from: Place, to: Place, options: CopyOptions = {}): void {
  const stat = sys.lstat(from.dir, from.path);
  if (stat === null) return;
  const type = stat.mode & S.IFMT;
  if (type === S.IFDIR) copyTree(sys, from, to, options);
  else if (type === S.IFLNK) copySymlink(sys, from, to, stat);
  else if (type === S.IFREG) copyRegular(sys, from, to, { ...options, stat });
}

/** Owner, mode and extended attributes of one directory for another. */
export function copyDirectoryAttributes(
  sys: Syscalls,
  from: Place,
  to: Place,
  options: CopyOptions = {},
): void {
  const stat = sys.lstat(from.dir, from.path);
  if (stat === null) return;
  sys.chown(to.dir, to.path, stat.uid, stat.gid);
  sys.chmod(to.dir, to.path, stat.mode & 0o7777);
  if (options.xattrs ?? true) copyXattrs(sys, from, to);
}

/** Whether two regular files hold the same bytes. */
export function sameBytes(sys: Syscalls, a: Place, b: Place): boolean {
  const left = sys.open(a.dir, a.path, ['read', 'nofollow']);
  try {
    const right = sys.open(b.dir, b.path, ['read', 'nofollow']);
    try {
      return sameStreams(sys, left, right);
    } finally {
      sys.close(right);
    }
  } finally {
    sys.close(left);
  }
}

/** Copies what is left to read of one open file into another. */
export function copyBytes(sys: Syscalls, from: Fd, to: Fd): void {
  for (;;) {
    const chunk = sys.read(from, CHUNK);
    if (chunk.length === 0) return;
    sys.write(to, chunk);
  }
}

function copyTree(sys: Syscalls, from: Place, to: Place, options: CopyOptions): void {
  sys.mkdir(to.dir, to.path, 0o700);
  for (const { name } of sys.readdir(from.dir, from.path)) {
    const [source, target] = [below(from, name), below(to, name)];
    copyNode(sys, source, target, options);
  }
  copyDirectoryAttributes(sys, from, to, options);
}

function copySymlink(sys: Syscalls, from: Place, to: Place, stat: Stat): void {
  const target = sys.readlink(from.dir, from.path);
  if (target === null) return;
  sys.symlink(target, to.dir, to.path);
  sys.chown(to.dir, to.path, stat.uid, stat.gid);
  sys.utimes(to.dir, to.path, stat.mtime, stat.mtimeNsec);
}

function copyRegular(
  sys: Syscalls,
  from: Place,
  to: Place,
  how: CopyOptions & { readonly stat: Stat },
): void {
  const { stat } = how;
  const source = sys.open(from.dir, from.path, ['read', 'nofollow']);
  try {
    const target = sys.open(to.dir, to.path, ['write', 'create', 'exclusive', 'nofollow'], 0o600);
    try {
      copyBytes(sys, source, target);
      sys.fchown(target, stat.uid, stat.gid);
      sys.fchmod(target, stat.mode & 0o7777);
    } finally {
      sys.close(target);
    }
  } finally {
    sys.close(source);
  }
  if (how.xattrs ?? true) copyXattrs(sys, from, to);
  sys.utimes(to.dir, to.path, stat.mtime, stat.mtimeNsec);
}

/** Adds and replaces; labels that the kernel gave the new file stay where the old one has none. */
function copyXattrs(sys: Syscalls, from: Place, to: Place): void {
  for (const { name, value } of sys.xattrs(from.dir, from.path)) sys.setXattr(to.dir, to.path, name, value);
}

function sameStreams(sys: Syscalls, a: Fd, b: Fd): boolean {
  for (;;) {
    const left = sys.read(a, CHUNK);
    const right = sys.read(b, CHUNK);
    if (left.length !== right.length) return false;
    if (left.length === 0) return true;
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  }
}

function below(place: Place, name: string): Place {
  return { dir: place.dir, path: `${place.path}/${name}` };
}
