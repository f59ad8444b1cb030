import { UserError } from '#ostree/format/errors.ts';
import { parse, serialize, swap32, type GValue } from '#ostree/format/gvariant.ts';
import { xattrsFromGValue, xattrsToGValue, type FileMeta } from '#ostree/format/file-meta.ts';

const DIRMETA_TYPE = '(uuua(ayay))';
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** A directory's metadata object, `(uuua(ayay))` with big-endian numbers. */
export function encodeDirmeta(meta: FileMeta): Uint8Array {
  return encodeOwnedMeta(meta);
}

/** @throws UserError BAD_GVARIANT or BAD_OBJECT */
export function decodeDirmeta(bytes: Uint8Array): FileMeta {
  const meta = decodeOwnedMeta(bytes);
  if ((meta.mode & S_IFMT) !== S_IFDIR || (meta.mode & ~(S_IFMT | 0o7777)) !== 0)
    throw new UserError(
      'BAD_OBJECT',
      `a dirmeta object has the mode 0${meta.mode.toString(8)}, not a directory's`,
    );
  return meta;
}

/** The value of `user.ostreemeta` in bare-user repositories: the dirmeta encoding, for any kind of file. */
export function encodeOwnedMeta(meta: FileMeta): Uint8Array {
  return serialize(DIRMETA_TYPE, [
    swap32(meta.uid),
    swap32(meta.gid),
    swap32(meta.mode),
    xattrsToGValue(meta.xattrs),
  ]);
}

/** The inverse of `encodeOwnedMeta`. @throws UserError BAD_GVARIANT or BAD_OBJECT */
export function decodeOwnedMeta(bytes: Uint8Array): FileMeta {
  const [uid, gid, mode, xattrs] = parse(DIRMETA_TYPE, bytes) as [number, number, number, GValue];
  return { uid: swap32(uid), gid: swap32(gid), mode: swap32(mode), xattrs: xattrsFromGValue(xattrs) };
}
