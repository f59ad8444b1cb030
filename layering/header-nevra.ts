/** Name, version and architecture straight from a header's index: a database's whole list without parsing all of it. */
import type { HeaderEntry, RpmHeader } from '#layering/rpm-header.ts';
import type { Nevra } from '#layering/nevra.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { TAG } from '#layering/rpm-tags.ts';

const WANTED: ReadonlySet<number> = new Set([TAG.NAME, TAG.VERSION, TAG.RELEASE, TAG.EPOCH, TAG.ARCH]);
const INDEX_ENTRY = 16;

/**
 * The NEVRA of a header as an rpmdb stores it. Only the five entries are looked at.
 * @throws UserError BAD_RPM_HEADER where one of them is missing or does not lie in the header
 */
export function quickNevra(bytes: Uint8Array, where: string): Nevra {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length < 8 ? 0 : Math.min(view.getUint32(0), (bytes.length - 8) / INDEX_ENTRY);
  const entries = new Map<number, HeaderEntry>();
  const dataStart = 8 + INDEX_ENTRY * Math.floor(count);
  for (let at = 8; at < dataStart; at += INDEX_ENTRY) {
    const tag = view.getUint32(at);
    if (!WANTED.has(tag)) continue;
    const entry = {
      tag,
      type: view.getUint32(at + 4),
      offset: view.getUint32(at + 8),
      count: view.getUint32(at + 12),
    };
    // What lies elsewhere counts as missing.
    if (dataStart + entry.offset + 4 <= bytes.length) entries.set(tag, entry);
  }
  const header: RpmHeader = { bytes, where, entries, dataStart, regionEntries: 0 };
  return nevraOf(header);
}
