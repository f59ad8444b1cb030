/**
 * A dirtree object read in place: for checkouts of whole trees, where a value for each name would cost more than the
 * links. Names come as bytes; they are checked as `decodeDirtree` does, but for UTF-8 and for occurring twice.
 */
import { UserError } from '#ostree/format/errors.ts';
import { utf8Text } from '#ostree/format/utf8.ts';

export interface DirtreeVisitor {
  /** Views into the object, valid as long as it is. `checksum` has 32 bytes. */
  file(name: Uint8Array, checksum: Uint8Array): void;
  directory(name: Uint8Array, contents: Uint8Array, meta: Uint8Array): void;
}

/** Calls `visitor` for each file, then for each directory, in their stored order. @throws UserError BAD_OBJECT */
export function scanDirtree(bytes: Uint8Array, visitor: DirtreeVisitor): void {
  const width = offsetWidth(bytes.length);
  const filesEnd = bytes.length - width;
  if (filesEnd < 0) throw malformed();
  const split = readOffset(bytes, filesEnd, width);
  if (split > filesEnd) throw malformed();
  scanArray(bytes, { start: 0, end: split }, (start, end) => {
    const [name, checksum] = membersOf(bytes, { start, end }, 1);
    visitor.file(name, checksum);
  });
  scanArray(bytes, { start: split, end: filesEnd }, (start, end) => {
    const [name, contents, meta] = membersOf(bytes, { start, end }, 2);
    visitor.directory(name, contents, meta);
  });
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The elements of an array whose elements vary in size: their ends stand in a table at its end. */
function scanArray(bytes: Uint8Array, range: Range, visit: (start: number, end: number) => void): void {
  const size = range.end - range.start;
  if (size === 0) return;
  const width = offsetWidth(size);
  const table = range.start + readOffset(bytes, range.end - width, width);
  const count = (range.end - table) / width;
  if (table > range.end - width || !Number.isInteger(count)) throw malformed();
  let start = range.start;
  for (let i = 0; i < count; i++) {
    const end = range.start + readOffset(bytes, table + i * width, width);
    if (end < start || end > table) throw malformed();
    visit(start, end);
    start = end;
  }
}

/** `(say)` or `(sayay)`: a name and one or two checksums. With one, the third value is empty. */
function membersOf(
  bytes: Uint8Array,
  range: Range,
  checksums: 1 | 2,
): readonly [Uint8Array, Uint8Array, Uint8Array] {
  const width = offsetWidth(range.end - range.start);
  const bodyEnd = range.end - width * checksums;
  if (bodyEnd < range.start) throw malformed();
  const nameEnd = range.start + readOffset(bytes, range.end - width, width);
  const expected = nameEnd + 32 * checksums;
  if (expected !== bodyEnd || nameEnd <= range.start || bytes[nameEnd - 1] !== 0) throw malformed();
  if (checksums === 2 && readOffset(bytes, bodyEnd, width) !== nameEnd + 32 - range.start) throw malformed();
  const name = bytes.subarray(range.start, nameEnd - 1);
  checkName(name);
  return [name, bytes.subarray(nameEnd, nameEnd + 32), bytes.subarray(nameEnd + 32, bodyEnd)];
}

const SLASH = 47;
const DOT = 46;

function checkName(name: Uint8Array): void {
  const isDots = name.length <= 2 && name.every((byte) => byte === DOT);
  if (name.includes(SLASH))
    throw new UserError(
      'BAD_OBJECT',
      `Invalid / in filename ${utf8Text(name) ?? '?'}: a dirtree object has that name`,
    );
  if (isDots || name.includes(0))
    throw new UserError('BAD_OBJECT', 'a dirtree object has a name that cannot be a file name');
}

function readOffset(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function offsetWidth(size: number): number {
  return size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
}

function malformed(): UserError {
  return new UserError('BAD_OBJECT', 'malformed dirtree object');
}
