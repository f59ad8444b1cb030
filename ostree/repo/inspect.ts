/** The metadata of many content objects at once, for repositories that do not keep it in the inode. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { decodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { archiveHeaderLength, decodeArchiveHeader, type ContentMeta } from '#ostree/format/file-header.ts';
import { storedTarget } from '#ostree/repo/content.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { PackReader, PackWriter } from '#ostree/repo/packed.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface Inspected {
  readonly meta: ContentMeta;
  /** Bytes of content. */
  readonly size: number;
  /** Where the content starts in the object's file. */
  readonly offset: number;
}

export interface FileRead {
  /** The errno, 0 where the file was read. */
  readonly error: number;
  readonly size: number;
  readonly mode: number;
  readonly content: Uint8Array;
  readonly xattr: Uint8Array;
}

/** Enough for the header of nearly every archive object. */
const HEADER_GUESS = 512;
const ENOENT = 2;

/** Metadata of archive and bare-user objects. @throws UserError NO_OBJECT, BAD_OBJECT */
export function inspectContent(repo: Repo, checksums: readonly Checksum[]): Map<Checksum, Inspected> {
  return repo.mode === 'archive' ? inspectArchive(repo, checksums) : inspectBareUser(repo, checksums);
}

/** Reads many files below `objects/` in one call. */
export function readObjects(
  repo: Repo,
  paths: readonly string[],
  options: { readonly limit: number; readonly xattr: string },
): FileRead[] {
  const plan = new PackWriter(paths.length * 80 + 16);
  for (const path of paths) plan.text16(path);
  const reader = new PackReader(repo.sys.readFiles(repo.objectsFd, plan.finish(), options));
  const reads = paths.map(() => ({
    error: reader.u32(),
    size: reader.f64(),
    mode: reader.u32(),
    content: reader.bytes32(),
    xattr: reader.bytes32(),
  }));
  return repo.parent === null ? reads : withParents(repo.parent, { paths, reads, options });
}

/** What is not here is read from the parent. */
function withParents(
  parent: Repo,
  here: {
    readonly paths: readonly string[];
    readonly reads: readonly FileRead[];
    readonly options: { readonly limit: number; readonly xattr: string };
  },
): FileRead[] {
  const missing = here.paths.filter((_path, index) => here.reads[index]?.error === ENOENT);
  if (missing.length === 0) return [...here.reads];
  const found = new Map(
    readObjects(parent, missing, here.options).map((read, index) => [missing[index] ?? '', read]),
  );
  return here.reads.map((read, index) => found.get(here.paths[index] ?? '') ?? read);
}

function inspectArchive(repo: Repo, checksums: readonly Checksum[]): Map<Checksum, Inspected> {
  const found = new Map<Checksum, Inspected>();
  const long: Checksum[] = [];
  let longest = 0;
  const paths = checksums.map((checksum) => objectPath(checksum, 'file', repo.mode));
  readObjects(repo, paths, { limit: HEADER_GUESS, xattr: '' }).forEach((read, index) => {
    const checksum = present(checksums[index], read);
    const length = during(objectName(checksum), () => archiveHeaderLength(read.content)) + 8;
    if (length > read.content.length && read.size > read.content.length) {
      long.push(checksum);
      longest = Math.max(longest, length);
    } else found.set(checksum, decodedHeader(checksum, read.content));
  });
  const longPaths = long.map((checksum) => objectPath(checksum, 'file', repo.mode));
  readObjects(repo, longPaths, { limit: longest, xattr: '' }).forEach((read, index) => {
    const checksum = present(long[index], read);
    found.set(checksum, decodedHeader(checksum, read.content));
  });
  return found;
}

function decodedHeader(checksum: Checksum, bytes: Uint8Array): Inspected {
  const { meta, size, headerSize } = during(objectName(checksum), () => decodeArchiveHeader(bytes));
  return { meta, size, offset: headerSize };
}

function inspectBareUser(repo: Repo, checksums: readonly Checksum[]): Map<Checksum, Inspected> {
  const found = new Map<Checksum, Inspected>();
  const symlinks: Checksum[] = [];
  const paths = checksums.map((checksum) => objectPath(checksum, 'file', repo.mode));
  readObjects(repo, paths, { limit: 0, xattr: 'user.ostreemeta' }).forEach((read, index) => {
    const checksum = present(checksums[index], read);
    if (read.xattr.length === 0)
      throw new UserError('BAD_OBJECT', `object ${checksum}.file lacks the attribute user.ostreemeta`);
    const meta = during(objectName(checksum), () => decodeOwnedMeta(read.xattr));
    const isSymlink = (meta.mode & S.IFMT) === S.IFLNK;
    if (isSymlink) symlinks.push(checksum);
    found.set(checksum, { meta: { ...meta, target: '' }, size: isSymlink ? 0 : read.size, offset: 0 });
  });
  const targets = symlinks.map((checksum) => objectPath(checksum, 'file', repo.mode));
  readObjects(repo, targets, { limit: 4098, xattr: '' }).forEach((read, index) => {
    const checksum = present(symlinks[index], read);
    const known = found.get(checksum);
    const target = during(objectName(checksum), () => storedTarget(read.content));
    if (known !== undefined) found.set(checksum, { ...known, meta: { ...known.meta, target } });
  });
  return found;
}

function present(checksum: Checksum | undefined, read: FileRead): Checksum {
  if (checksum === undefined) throw new Error('readFiles returned more than was asked for');
  if (read.error === ENOENT)
    throw new UserError('NO_OBJECT', `Couldn't find file object '${checksum}'`, {
      hint: `'ostree fsck' lists what is missing; pulling the commit again restores it`,
    });
  if (read.error !== 0)
    throw new UserError('BAD_OBJECT', `object ${checksum}.file cannot be read (errno ${read.error})`);
  return checksum;
}

function objectName(checksum: Checksum): string {
  return `reading object ${checksum}.file`;
}
