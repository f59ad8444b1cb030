/** RPM headers: an index of tagged values over one block of data. Nothing in the bytes is trusted. */
import { isUtf8 } from 'node:buffer';
import { UserError } from '#ostree/format/errors.ts';
import { TAG, TYPE } from '#layering/rpm-tags.ts';

export interface HeaderEntry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** Within the data. */
  readonly offset: number;
}

export interface RpmHeader {
  /** As an rpmdb stores it: number of entries, size of the data (32 bits, big-endian), the index, the data. */
  readonly bytes: Uint8Array;
  /** What the header is of, for messages. */
  readonly where: string;
  readonly entries: ReadonlyMap<number, HeaderEntry>;
  /** Where the data starts in `bytes`. */
  readonly dataStart: number;
  /** Entries that the region (what digests cover) holds, in index order; 0 where the header has none. */
  readonly regionEntries: number;
}

/** What stands before a header in a package file. */
export const HEADER_MAGIC = Uint8Array.of(0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0);

export const MOST_ENTRIES = 0xffff;
export const MOST_DATA = 256 * 1024 * 1024;
const INDEX_ENTRY = 16;

/** Bytes of one value by type; 0 for strings, whose length is found by looking. */
const SIZES = [0, 1, 1, 2, 4, 8, 0, 1, 0, 0];

/** Reads and checks the index; values are checked when they are asked for. @throws UserError BAD_RPM_HEADER */
export function parseHeader(bytes: Uint8Array, where: string): RpmHeader {
  const view = viewOf(bytes);
  if (bytes.length < 8) throw badHeader(where, 'it is shorter than its own introduction');
  const count = view.getUint32(0);
  const dataSize = view.getUint32(4);
  checkSizes(where, count, dataSize);
  const dataStart = 8 + INDEX_ENTRY * count;
  if (bytes.length !== dataStart + dataSize)
    throw badHeader(where, `it should have ${dataStart + dataSize} bytes and has ${bytes.length}`);
  const entries = new Map<number, HeaderEntry>();
  for (let i = 0; i < count; i++) {
    const entry = readEntry(view, 8 + INDEX_ENTRY * i);
    const isRegion = i === 0 && isRegionTag(entry.tag);
    if (!isRegion) checkEntry(entry, dataSize, where);
    entries.set(entry.tag, entry);
  }
  const regionEntries = checkRegion({ view, where, count, dataSize, dataStart });
  return { bytes, where, entries, dataStart, regionEntries };
}

/** @throws UserError BAD_RPM_HEADER where a header of these sizes is not believable */
export function checkSizes(where: string, entries: number, dataSize: number): void {
  if (entries === 0 || entries > MOST_ENTRIES) throw badHeader(where, `it claims ${entries} entries`);
  if (dataSize > MOST_DATA) throw badHeader(where, `it claims ${dataSize} bytes of data`);
}

/** The value's only or first text; null where the tag is absent. Invalid UTF-8 is read as Latin-1. */
export function getString(header: RpmHeader, tag: number): string | null {
  const entry = header.entries.get(tag);
  if (entry === undefined) return null;
  return readStrings(header, entry, 1)[0] ?? null;
}

/** All texts; empty where the tag is absent. */
export function getStrings(header: RpmHeader, tag: number): string[] {
  const entry = header.entries.get(tag);
  if (entry === undefined) return [];
  return readStrings(header, entry, entry.type === TYPE.STRING ? 1 : entry.count);
}

/** As `getStrings`, but a text that is not UTF-8 comes as its bytes. */
export function getStringKeys(header: RpmHeader, tag: number): (string | Uint8Array)[] {
  const texts = getStrings(header, tag);
  const entry = header.entries.get(tag);
  if (entry === undefined || texts.every((text) => !/[\u0080-\u00ff]/.test(text))) return texts;
  return splitAtNul(getRaw(header, entry).subarray(0, -1)).map((bytes) =>
    isUtf8(bufferOf(bytes)) ? textOf(bytes) : bytes,
  );
}

/** All numbers (unsigned); empty where the tag is absent. @throws UserError where one is above 2^53 */
export function getNumbers(header: RpmHeader, tag: number): number[] {
  const entry = header.entries.get(tag);
  if (entry === undefined) return [];
  const view = viewOf(header.bytes);
  const size = SIZES[entry.type] ?? 0;
  if (entry.type > TYPE.INT64) throw wrongType(header, tag);
  const numbers = new Array<number>(entry.count);
  for (let i = 0, at = header.dataStart + entry.offset; i < entry.count; i++, at += size)
    numbers[i] = size === 8 ? exactNumber(view.getBigUint64(at), header) : readUnsigned(view, at, size);
  return numbers;
}

export function getNumber(header: RpmHeader, tag: number): number | null {
  return getNumbers(header, tag)[0] ?? null;
}

/** The bytes of a binary value; null where the tag is absent. */
export function getBinary(header: RpmHeader, tag: number): Uint8Array | null {
  const entry = header.entries.get(tag);
  if (entry === undefined) return null;
  if (entry.type !== TYPE.BIN) throw wrongType(header, tag);
  const start = header.dataStart + entry.offset;
  return header.bytes.subarray(start, start + entry.count);
}

/** The bytes of a value as they stand in the data, whatever its type. */
export function getRaw(header: RpmHeader, entry: HeaderEntry): Uint8Array {
  const start = header.dataStart + entry.offset;
  const size = SIZES[entry.type] ?? 0;
  if (size > 0) return header.bytes.subarray(start, start + size * entry.count);
  const count = entry.type === TYPE.STRING ? 1 : entry.count;
  return header.bytes.subarray(start, stringsEnd(header, entry, count));
}

export function badHeader(where: string, why: string): UserError {
  return new UserError('BAD_RPM_HEADER', `${where} has a damaged header: ${printable(why)}`);
}

function readEntry(view: DataView, at: number): HeaderEntry {
  return {
    tag: view.getUint32(at),
    type: view.getUint32(at + 4),
    offset: view.getInt32(at + 8),
    count: view.getUint32(at + 12),
  };
}

function checkEntry(entry: HeaderEntry, dataSize: number, where: string): void {
  const { tag, type, count, offset } = entry;
  const size = SIZES[type];
  if (size === undefined || type === 0) throw badHeader(where, `tag ${tag} has the unknown type ${type}`);
  if (tag < TAG.HEADERI18NTABLE) throw badHeader(where, `tag ${tag} stands where only a value may`);
  // Strings need at least their NUL byte each.
  const least = Math.max(size, 1) * (type === TYPE.STRING ? 1 : count);
  if (count === 0 || offset < 0 || offset + least > dataSize)
    throw badHeader(where, `the value of tag ${tag} does not lie within the data`);
  if (type === TYPE.STRING && count !== 1) throw badHeader(where, `tag ${tag} has ${count} single strings`);
  if (size > 1 && offset % size !== 0) throw badHeader(where, `the value of tag ${tag} is misaligned`);
}

function isRegionTag(tag: number): boolean {
  return tag === TAG.HEADERSIGNATURES || tag === TAG.HEADERIMMUTABLE || tag === TAG.HEADERIMAGE;
}

interface RegionInput {
  readonly view: DataView;
  readonly where: string;
  readonly count: number;
  readonly dataSize: number;
  readonly dataStart: number;
}

/** The region's entry points to its trailer, whose negative offset says how many entries belong to it. */
function checkRegion({ view, where, count, dataSize, dataStart }: RegionInput): number {
  const entry = readEntry(view, 8);
  if (!isRegionTag(entry.tag)) return 0;
  if (entry.type !== TYPE.BIN || entry.count !== INDEX_ENTRY)
    throw badHeader(where, 'its region has a wrong size');
  if (entry.offset < 0 || entry.offset + INDEX_ENTRY > dataSize)
    throw badHeader(where, 'its region ends outside of the data');
  const trailer = readEntry(view, dataStart + entry.offset);
  const entries = -trailer.offset / INDEX_ENTRY;
  const known = trailer.tag === entry.tag || trailer.tag === TAG.HEADERIMAGE;
  if (!known || trailer.type !== TYPE.BIN || trailer.count !== INDEX_ENTRY)
    throw badHeader(where, 'its region has a wrong trailer');
  if (!Number.isInteger(entries) || entries < 1 || entries > count)
    throw badHeader(where, 'its region claims a wrong number of entries');
  return entries;
}

function readStrings(header: RpmHeader, entry: HeaderEntry, count: number): string[] {
  if (entry.type !== TYPE.STRING && entry.type !== TYPE.STRING_ARRAY && entry.type !== TYPE.I18NSTRING)
    throw wrongType(header, entry.tag);
  const start = header.dataStart + entry.offset;
  const end = stringsEnd(header, entry, count) - 1;
  const bytes = header.bytes.subarray(start, end);
  const text = bufferOf(bytes).toString('utf8');
  return text.includes('\ufffd') ? splitAtNul(bytes).map(textOf) : text.split('\0');
}

/** The text that bytes of a header or payload spell: UTF-8, or Latin-1 where they are not valid UTF-8. */
export function textOf(bytes: Uint8Array): string {
  const buffer = bufferOf(bytes);
  return isUtf8(buffer) ? buffer.toString('utf8') : buffer.toString('latin1');
}

/** Text from a package for a message of one line. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, '?');
}

function splitAtNul(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let nul = bytes.indexOf(0); nul >= 0; nul = bytes.indexOf(0, start)) {
    parts.push(bytes.subarray(start, nul));
    start = nul + 1;
  }
  return [...parts, bytes.subarray(start)];
}

/** Just after the NUL byte of the last of `count` strings. */
function stringsEnd(header: RpmHeader, entry: HeaderEntry, count: number): number {
  let at = header.dataStart + entry.offset;
  for (let i = 0; i < count; i++) {
    const nul = header.bytes.indexOf(0, at);
    if (nul < 0) throw badHeader(header.where, `the text of tag ${entry.tag} does not end`);
    at = nul + 1;
  }
  return at;
}

function readUnsigned(view: DataView, at: number, size: number): number {
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
}

function exactNumber(value: bigint, header: RpmHeader): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw badHeader(header.where, `it has the number ${String(value)}`);
  return number;
}

function wrongType(header: RpmHeader, tag: number): UserError {
  return badHeader(header.where, `tag ${tag} has an unexpected type`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
