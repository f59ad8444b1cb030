/** The sizes of a commit's objects, where whoever made it wrote them down (`ostree commit --generate-sizes`). */
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant, type Commit } from '#ostree/format/commit.ts';

export interface ObjectSize {
  readonly checksum: Checksum;
  /** In an archive repository, compressed. */
  readonly archived: number;
  readonly unpacked: number;
  readonly isFile: boolean;
}

const CHECKSUM_SIZE = 32;
/** OSTREE_OBJECT_TYPE_FILE: the last byte of an item, which older commits lack. */
const FILE = 1;

/** null where the commit does not have them, or they cannot be read. */
export function objectSizes({ metadata }: Commit): ObjectSize[] | null {
  const items = lookupVariant(metadata, 'ostree.sizes', 'aay') as Uint8Array[] | undefined;
  if (items === undefined) return null;
  const sizes = items.map(sizeOf);
  return sizes.every((one) => one !== null) ? sizes : null;
}

function sizeOf(item: Uint8Array): ObjectSize | null {
  const archived = numberAt(item, CHECKSUM_SIZE);
  const unpacked = archived === null ? null : numberAt(item, archived.end);
  if (archived === null || unpacked === null) return null;
  const type = item[unpacked.end];
  return {
    checksum: checksumFromBytes(item.slice(0, CHECKSUM_SIZE)),
    archived: archived.value,
    unpacked: unpacked.value,
    isFile: type === undefined || type === FILE,
  };
}

/** Seven bits a byte, the lowest first; the eighth says that there is more. */
function numberAt(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length && scale < 2 ** 53; at++, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return { value, end: at + 1 };
  }
  return null;
}
