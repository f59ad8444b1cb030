/** Whether a file of the file system is the one an object describes. */
import { S, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { contentHashPrefix, type ContentMeta } from '#ostree/format/file-header.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { CheckoutOptions, CheckoutTarget, Found } from '#ostree/repo/checkout.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { fileXattrs } from '#ostree/repo/xattrs.ts';

const PIECE = 1 << 20;

/** What counts of a file's metadata, and what stands in for it. */
export interface FileAsObject {
  readonly ignoreXattrs?: boolean;
  readonly ownerUid?: number;
  readonly ownerGid?: number;
}

/** The checksum that a file below `dir` would have as a content object; null for other kinds. */
export function checksumOfFile(
  repo: Repo,
  dir: Fd,
  path: string,
  options: FileAsObject = {},
): Checksum | null {
  return fileAsObject(repo, { dir, path }, options)?.checksum ?? null;
}

function fileAsObject(
  repo: Repo,
  { dir, path }: { readonly dir: Fd; readonly path: string },
  options: FileAsObject,
): { readonly meta: ContentMeta; readonly checksum: Checksum } | null {
  const { sys } = repo;
  const stat = sys.lstat(dir, path);
  const kind = (stat?.mode ?? 0) & S.IFMT;
  if (stat === null || (kind !== S.IFREG && kind !== S.IFLNK)) return null;
  const target = kind === S.IFLNK ? (sys.readlink(dir, path) ?? '') : '';
  const meta = {
    uid: options.ownerUid ?? stat.uid,
    gid: options.ownerGid ?? stat.gid,
    mode: stat.mode,
    target,
    xattrs: options.ignoreXattrs === true ? [] : fileXattrs(sys, dir, path),
  };
  return { meta, checksum: hashFile(repo, { dir, path, meta }) };
}

/**
 * For 'union-identical': every path that was taken must be what the tree has there.
 * @throws UserError FILE_EXISTS naming the first that differs
 */
export function refuseDifferent(
  repo: Repo,
  target: CheckoutTarget,
  result: {
    readonly taken: readonly string[];
    readonly found: Found;
    readonly options: CheckoutOptions;
  },
): void {
  for (const path of [...result.taken].sort()) {
    const inTree = target.name === '' ? path : path.slice(target.name.length + 1);
    const wanted = checksumAt(repo, result.found, inTree);
    if (
      wanted === null ||
      !isSame(repo, { dir: target.dir, path, wanted, user: result.options.mode === 'user' })
    )
      throw new UserError('FILE_EXISTS', `${path}: File exists and differs from the tree's`);
  }
}

function checksumAt(repo: Repo, found: Found, path: string): Checksum | null {
  if (found.kind === 'file') return found.checksum;
  const tree: TreeChecksums = found.tree;
  const entry = MutableTree.fromChecksums(repo, tree.contents, tree.meta).get(path);
  return entry?.kind === 'file' ? entry.checksum : null;
}

/** In user mode owner, attributes and set-id bits do not count. */
function isSame(
  repo: Repo,
  file: { readonly dir: Fd; readonly path: string; readonly wanted: Checksum; readonly user: boolean },
): boolean {
  const here = fileAsObject(repo, file, {});
  if (here === null) return false;
  if (here.checksum === file.wanted) return true;
  if (!file.user) return false;
  const { meta } = loadContent(repo, file.wanted);
  const mode = meta.mode & (S.IFMT | 0o777);
  if (mode !== (here.meta.mode & (S.IFMT | 0o777))) return false;
  return hashFile(repo, { dir: file.dir, path: file.path, meta }) === file.wanted;
}

function hashFile(
  repo: Repo,
  file: { readonly dir: Fd; readonly path: string; readonly meta: ContentMeta },
): Checksum {
  const { sys } = repo;
  const hash = sys.sha256();
  hash.update(contentHashPrefix(file.meta));
  if ((file.meta.mode & S.IFMT) === S.IFREG) {
    const fd = sys.open(file.dir, file.path, ['read', 'nofollow']);
    try {
      for (let piece = sys.read(fd, PIECE); piece.length > 0; piece = sys.read(fd, PIECE)) hash.update(piece);
    } finally {
      sys.close(fd);
    }
  }
  return hash.digest() as Checksum;
}
