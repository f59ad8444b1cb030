/** Name, version and architecture straight from a header's index: a database's whole list without parsing all of it. */
import type { HeaderEntry, RpmHeader } from '#layering/rpm-header.ts';
import type { Nevra } from '#layering/nevra.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { TAG, TYPE } from '#layering/rpm-tags.ts';

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

/** Of all wanted tags; greater for most others. */
const THIRD_BYTE = TAG.NAME >> 8;
const BEYOND_ASCII = /[\u0080-\u00ff]/;

/**
 * The same from the first bytes of a header. Null where they do not hold all of it as one would expect: `quickNevra` of
 * the whole header then tells.
 */
export function nevraAtStart(start: Buffer): Nevra | null {
  if (start.length < 8) return null;
  const count = start.readUInt32BE(0);
  const dataStart = 8 + INDEX_ENTRY * count;
  const text = new Map<number, string>();
  let epoch = 0;
  for (let at = 8; at < dataStart; at += INDEX_ENTRY) {
    if (at + INDEX_ENTRY > start.length) return null;
    if (start[at + 2] !== THIRD_BYTE) continue;
    const tag = start.readUInt32BE(at);
    if (!WANTED.has(tag)) continue;
    const type = start.readUInt32BE(at + 4);
    const value = dataStart + start.readUInt32BE(at + 8);
    if (tag === TAG.EPOCH && type === TYPE.INT32 && value + 4 <= start.length) {
      epoch = start.readUInt32BE(value);
      continue;
    }
    const end = start.indexOf(0, value);
    if (type !== TYPE.STRING || end <= value) return null;
    const spelt = start.toString('latin1', value, end);
    if (BEYOND_ASCII.test(spelt)) return null;
    text.set(tag, spelt);
  }
  const name = text.get(TAG.NAME);
  const version = text.get(TAG.VERSION);
  const release = text.get(TAG.RELEASE);
  const arch = text.get(TAG.ARCH);
  if (name === undefined || version === undefined || release === undefined || arch === undefined) return null;
  return { name, epoch, version, release, arch };
}
