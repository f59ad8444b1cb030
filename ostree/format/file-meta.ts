/** Ownership, mode and extended attributes, as dirmeta, file headers and `user.ostreemeta` hold them. */
import type { GValue } from '#ostree/format/gvariant.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

export interface XattrEntry {
  readonly name: string;
  readonly value: Uint8Array;
}

export interface FileMeta {
  readonly uid: number;
  readonly gid: number;
  /** st_mode: type and permission bits. */
  readonly mode: number;
  /** Sorted by name. */
  readonly xattrs: readonly XattrEntry[];
}

/** `a(ayay)`: names end in a NUL byte; sorted by name, which the checksum depends on. */
export function xattrsToGValue(xattrs: readonly XattrEntry[]): GValue {
  return [...xattrs]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, value }) => [withNul(name), value]);
}

/** The inverse of `xattrsToGValue`. @throws UserError BAD_OBJECT */
export function xattrsFromGValue(value: GValue): XattrEntry[] {
  return (value as readonly (readonly [Uint8Array, Uint8Array])[]).map(([name, data]) => {
    const text = name[name.length - 1] === 0 ? utf8Text(name.subarray(0, -1)) : null;
    if (text === null || text.length === 0 || text.includes('\0'))
      throw new UserError('BAD_OBJECT', 'an extended attribute has a malformed name');
    return { name: text, value: data };
  });
}

function withNul(text: string): Uint8Array {
  return utf8Bytes(text + '\0');
}
