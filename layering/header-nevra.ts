/** Name, version and architecture straight from a header's index: a database's whole list without parsing all of it. */
import type { HeaderEntry, RpmHeader } from '#layering/rpm-header.ts';
import type { Nevra } from '#layering/nevra.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { TAG, TYPE } from '#layering/rpm-tags.ts';

const WANTED: ReadonlySet<number> = new Set([TAG.NAME, TAG.VERSION, TAG.RELEASE, TAG.EPOCH, TAG.ARCH]);
const LAST_BYTES: ReadonlySet<number> = new Set([...WANTED].map((tag) => tag & 0xff));
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

/**
 * The same from the first bytes of a header. Null where they do not hold all of it as one would expect: `quickNevra` of
 * the whole header then tells.
 */
export function nevraAtStart(start: Buffer): Nevra | null {
  if (start.length < 8) return null;
  const count = start.readUInt32BE(0);
  const dataStart = 8 + INDEX_ENTRY * count;
  if (dataStart > start.length) return null;
  const textAt = reader(start, dataStart);
  const text = new Map<number, string>();
  let epoch = 0;
  // The index is sorted, as rpm searches it by halves. Most entries are told by one byte: this runs for every package.
  for (let at = 8, tag = 0; at < dataStart && tag !== TAG.ARCH; at += INDEX_ENTRY) {
    if (!LAST_BYTES.has(start[at + 3] ?? 0)) continue;
    tag = start.readUInt32BE(at);
    if (!WANTED.has(tag)) continue;
    const type = start.readUInt32BE(at + 4);
    const value = start.readUInt32BE(at + 8);
    if (tag === TAG.EPOCH && type === TYPE.INT32 && dataStart + value + 4 <= start.length) {
      epoch = start.readUInt32BE(dataStart + value);
      continue;
    }
    const spelt = type === TYPE.STRING ? textAt(value) : null;
    if (spelt === null) return null;
    text.set(tag, spelt);
  }
  const name = text.get(TAG.NAME);
  const version = text.get(TAG.VERSION);
  const release = text.get(TAG.RELEASE);
  const arch = text.get(TAG.ARCH);
  if (name === undefined || version === undefined || release === undefined || arch === undefined) return null;
  return { name, epoch, version, release, arch };
}

const BEYOND_ASCII = /[\u0080-\u00ff]/;
/** Bytes that mostly hold name, version and release, which stand together; the architecture is far behind. */
const WINDOW = 96;

/** Reads the text at an offset from `from`; null where it does not end, is empty or beyond ASCII. */
function reader(bytes: Buffer, from: number): (offset: number) => string | null {
  let window = '';
  let windowStart = 0;
  return (offset) => {
    let end = offset < windowStart ? -1 : window.indexOf('\0', offset - windowStart);
    if (end < 0) {
      window = bytes.toString('latin1', from + offset, from + offset + WINDOW);
      windowStart = offset;
      end = window.indexOf('\0');
    }
    const text = window.slice(offset - windowStart, end);
    return end < 0 || text === '' || BEYOND_ASCII.test(text) ? null : text;
  };
}
