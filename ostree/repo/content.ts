/** Reading one content object, in every repository mode. */
import type { Fd } from '#native/syscalls.ts';
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { decodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { archiveHeaderLength, decodeArchiveHeader, type ContentMeta } from '#ostree/format/file-header.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { fileXattrs } from '#ostree/repo/xattrs.ts';

export interface Content {
  readonly meta: ContentMeta;
  /** Bytes of a regular file; 0 for a symlink. */
  readonly size: number;
  /** The whole content. @throws UserError BAD_OBJECT for a damaged archive object */
  read(): Uint8Array;
  /** The content in pieces; only an archive object is in memory as a whole. */
  pieces(): Iterable<Uint8Array>;
}

const PIECE = 1 << 20;
/** The longest symlink target plus its NUL. */
const TARGET_LIMIT = 4097;

/** @throws UserError NO_OBJECT, BAD_OBJECT */
export function loadContent(repo: Repo, checksum: Checksum): Content {
  const path = objectPath(checksum, 'file', repo.mode);
  const stat = repo.sys.lstat(repo.objectsFd, path);
  if (stat === null && repo.parent !== null) return loadContent(repo.parent, checksum);
  if (stat === null)
    throw new UserError('NO_OBJECT', `Couldn't find file object '${checksum}'`, {
      hint: `'ostree fsck' lists what is missing; pulling the commit again restores it`,
    });
  return during(`reading object ${checksum}.file`, () =>
    repo.mode === 'archive'
      ? archiveContent(repo, path)
      : bareContent(repo, path, bareMeta(repo, path, stat)),
  );
}

/** The meta of a bare object from its inode, or from `user.ostreemeta`. */
function bareMeta(
  repo: Repo,
  path: string,
  stat: { readonly mode: number; readonly uid: number; readonly gid: number; readonly size: number },
): { readonly meta: ContentMeta; readonly size: number } {
  const { sys, objectsFd } = repo;
  if (repo.mode === 'bare-user') {
    const stored = fileXattrs(sys, objectsFd, path).find(({ name }) => name === 'user.ostreemeta');
    if (stored === undefined) throw new UserError('BAD_OBJECT', 'it lacks the attribute user.ostreemeta');
    const owned = decodeOwnedMeta(stored.value);
    if ((owned.mode & S.IFMT) !== S.IFLNK) return { meta: { ...owned, target: '' }, size: stat.size };
    return { meta: { ...owned, target: storedTarget(sys.readFile(objectsFd, path)) }, size: 0 };
  }
  const isSymlink = (stat.mode & S.IFMT) === S.IFLNK;
  const target = isSymlink ? (sys.readlink(objectsFd, path) ?? '') : '';
  const canonical = repo.mode === 'bare-user-only';
  const meta = {
    uid: canonical ? 0 : stat.uid,
    gid: canonical ? 0 : stat.gid,
    mode: stat.mode,
    xattrs: canonical ? [] : fileXattrs(sys, objectsFd, path),
    target,
  };
  return { meta, size: isSymlink ? 0 : stat.size };
}

/** A bare-user symlink is a file that holds its target and a NUL. @throws UserError BAD_OBJECT */
export function storedTarget(bytes: Uint8Array): string {
  const text =
    bytes.length <= TARGET_LIMIT
      ? utf8Text(bytes[bytes.length - 1] === 0 ? bytes.subarray(0, -1) : bytes)
      : null;
  if (text === null || text === '' || text.includes('\0'))
    throw new UserError('BAD_OBJECT', 'its symlink target is malformed');
  return text;
}

function bareContent(
  repo: Repo,
  path: string,
  found: { readonly meta: ContentMeta; readonly size: number },
): Content {
  const { sys, objectsFd } = repo;
  const isSymlink = (found.meta.mode & S.IFMT) === S.IFLNK;
  return {
    ...found,
    read: () => (isSymlink ? new Uint8Array(0) : sys.readFile(objectsFd, path)),
    *pieces() {
      if (isSymlink) return;
      const fd = sys.open(objectsFd, path, ['read', 'nofollow']);
      try {
        yield* piecesOf(repo, fd);
      } finally {
        sys.close(fd);
      }
    },
  };
}

function* piecesOf(repo: Repo, fd: Fd): Iterable<Uint8Array> {
  for (;;) {
    const piece = repo.sys.read(fd, PIECE);
    if (piece.length === 0) return;
    yield piece;
  }
}

function archiveContent(repo: Repo, path: string): Content {
  const { meta, size, headerSize } = readArchiveHeader(repo, path);
  const read = (): Uint8Array => {
    if ((meta.mode & S.IFMT) === S.IFLNK) return new Uint8Array(0);
    const bytes = repo.sys.readFile(repo.objectsFd, path).subarray(headerSize);
    try {
      return repo.sys.inflateRaw(bytes, size);
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error;
      throw new UserError('BAD_OBJECT', `object ${path}: its compressed content is damaged`, {
        cause: error,
      });
    }
  };
  return {
    meta,
    size,
    read,
    *pieces() {
      const all = read();
      for (let at = 0; at < all.length; at += PIECE) yield all.subarray(at, at + PIECE);
    },
  };
}

function readArchiveHeader(repo: Repo, path: string): ReturnType<typeof decodeArchiveHeader> {
  const fd = repo.sys.open(repo.objectsFd, path, ['read', 'nofollow']);
  try {
    const start = readUpTo(repo, fd, 8);
    const rest = readUpTo(repo, fd, archiveHeaderLength(start));
    const header = new Uint8Array(start.length + rest.length);
    header.set(start);
    header.set(rest, start.length);
    return decodeArchiveHeader(header);
  } finally {
    repo.sys.close(fd);
  }
}

function readUpTo(repo: Repo, fd: Fd, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let used = 0;
  while (used < size) {
    const piece = repo.sys.read(fd, size - used);
    if (piece.length === 0) break;
    bytes.set(piece, used);
    used += piece.length;
  }
  return bytes.subarray(0, used);
}
