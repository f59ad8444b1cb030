/** The headers that a content object's checksum covers and that archive repositories store. */
import { UserError } from '#ostree/format/errors.ts';
import { parse, serialize, swap32, swap64, type GValue } from '#ostree/format/gvariant.ts';
import { xattrsFromGValue, xattrsToGValue, type FileMeta } from '#ostree/format/file-meta.ts';

const HEADER_TYPE = '(uuuusa(ayay))';
const ARCHIVE_HEADER_TYPE = '(tuuuusa(ayay))';

/** A file's metadata with its symlink target ('' for regular files). */
export interface ContentMeta extends FileMeta {
  readonly target: string;
}

/**
 * What is hashed before a file's content: a 32-bit big-endian length, four zero bytes, `(uuuusa(ayay))`.
 * For a symlink this is all that is hashed.
 */
export function contentHashPrefix(meta: ContentMeta): Uint8Array {
  const header = serialize(HEADER_TYPE, [
    swap32(meta.uid),
    swap32(meta.gid),
    swap32(meta.mode),
    0,
    meta.target,
    xattrsToGValue(meta.xattrs),
  ]);
  return withLength(header);
}

/** What a `.filez` object starts with; the raw deflate stream of the content follows. `size` in bytes. */
export function archiveHeader(meta: ContentMeta, size: number): Uint8Array {
  const header = serialize(ARCHIVE_HEADER_TYPE, [
    swap64(BigInt(size)),
    swap32(meta.uid),
    swap32(meta.gid),
    swap32(meta.mode),
    0,
    meta.target,
    xattrsToGValue(meta.xattrs),
  ]);
  return withLength(header);
}

/** Reads the start of a `.filez` object. `headerSize` is where the deflate stream starts. @throws UserError BAD_OBJECT */
export function decodeArchiveHeader(bytes: Uint8Array): {
  readonly meta: ContentMeta;
  readonly size: number;
  readonly headerSize: number;
} {
  const length = archiveHeaderLength(bytes);
  if (bytes.length < 8 + length) throw new UserError('BAD_OBJECT', 'a .filez object ends within its header');
  const [size, uid, gid, mode, , target, xattrs] = parse(
    ARCHIVE_HEADER_TYPE,
    bytes.subarray(8, 8 + length),
  ) as [bigint, number, number, number, number, string, GValue];
  const meta = {
    uid: swap32(uid),
    gid: swap32(gid),
    mode: swap32(mode),
    target,
    xattrs: xattrsFromGValue(xattrs),
  };
  return { meta, size: Number(swap64(size)), headerSize: 8 + length };
}

/** Bytes of the header's GVariant, from the first 8 bytes of a `.filez` object. @throws UserError BAD_OBJECT */
export function archiveHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < 8) throw new UserError('BAD_OBJECT', 'a .filez object is shorter than 8 bytes');
  const length = swap32(
    ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24)) >>> 0,
  );
  if (length > 16 * 1024 * 1024) throw new UserError('BAD_OBJECT', `a .filez header claims ${length} bytes`);
  return length;
}

function withLength(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + header.length);
  for (let i = 0; i < 4; i++) bytes[i] = (header.length >>> (24 - 8 * i)) & 255;
  bytes.set(header, 8);
  return bytes;
}
