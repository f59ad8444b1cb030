/**
 * GVariant serialisation, little-endian normal form (GVariant Specification 1.0, section 2).
 *
 * Values in JavaScript: b boolean; y n q i u h d number; x t bigint; s o g string; v `{type, value}`; ay Uint8Array;
 * other arrays Array; m value or null; tuples and dictionary entries Array. Numbers that OSTree stores big-endian are
 * swapped by the caller (`swap32`, `swap64`).
 */
import { UserError } from '#ostree/format/errors.ts';
import { alignUp, parseType, type GType } from '#ostree/format/gvariant-type.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

export interface Variant {
  readonly type: string;
  readonly value: GValue;
}
export type GValue = boolean | number | bigint | string | Uint8Array | Variant | null | readonly GValue[];

/** The entries of an `a{sv}` in their order. */
export type VariantDict = readonly (readonly [string, Variant])[];

/** The bytes of `value` as `type`. @throws UserError BAD_GVARIANT where the value is not of the type */
export function serialize(type: string, value: GValue): Uint8Array {
  const writer = new Writer();
  writeValue(writer, parseType(type), value);
  return writer.finish();
}

/** The value that `bytes` hold. Only normal form is read. @throws UserError BAD_GVARIANT */
export function parse(type: string, bytes: Uint8Array): GValue {
  return readValue(parseType(type), bytes, 0, bytes.length, 0);
}

/** The bytes of a 32-bit number turned around (OSTree keeps some numbers big-endian). */
export function swap32(value: number): number {
  return (
    (((value & 0xff) << 24) |
      ((value & 0xff00) << 8) |
      ((value >>> 8) & 0xff00) |
      ((value >>> 24) & 0xff)) >>>
    0
  );
}

/** `value & UNSIGNED_64` is BigInt.asUintN(64, value), which the compact engine gets wrong from 2^63 on. */
const UNSIGNED_64 = 0xffffffffffffffffn;

/** As `swap32`, for 64 bits. */
export function swap64(value: bigint): bigint {
  let result = 0n;
  let rest = value & UNSIGNED_64;
  for (let i = 0; i < 8; i++) {
    result = (result << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return result;
}

class Writer {
  private bytes = new Uint8Array(256);
  length = 0;

  reserve(size: number): number {
    const start = this.length;
    this.length += size;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return start;
  }

  align(alignment: number): void {
    this.reserve(alignUp(this.length, alignment) - this.length);
  }

  append(data: Uint8Array): void {
    const start = this.reserve(data.length);
    this.bytes.set(data, start);
  }

  /** With the zero that ends it. */
  text(value: string): void {
    const start = this.reserve(value.length + 1);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.length = start;
        this.append(utf8Bytes(value));
        return this.unsigned(0, 1);
      }
      this.bytes[start + i] = code;
    }
    this.bytes[start + value.length] = 0;
  }

  unsigned(value: number, size: number): void {
    const start = this.reserve(size);
    for (let i = 0, rest = value; i < size; i++, rest = Math.floor(rest / 256))
      this.bytes[start + i] = rest & 255;
  }

  big(value: bigint): void {
    this.unsigned(Number(value & 0xffffffffn), 4);
    this.unsigned(Number((value >> 32n) & 0xffffffffn), 4);
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

function writeValue(out: Writer, type: GType, value: GValue): void {
  switch (type.kind) {
    case 'basic':
      return writeBasic(out, type, value);
    case 'string':
      if (typeof value !== 'string' || value.includes('\0')) throw notOfType(type);
      return out.text(value);
    case 'variant':
      return writeVariant(out, type, value);
    case 'array':
      return writeArray(out, type, value);
    case 'maybe':
      if (value === null) return;
      writeValue(out, element(type), value);
      return element(type).fixedSize === 0 ? out.unsigned(0, 1) : undefined;
    case 'tuple':
      return writeTuple(out, type, value);
  }
}

/** Inclusive bounds of the integer types. */
const RANGE: Readonly<Record<string, readonly [number, number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  h: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
};

function writeBasic(out: Writer, type: GType, value: GValue): void {
  if (type.text === 'b') {
    if (typeof value !== 'boolean') throw notOfType(type);
    return out.unsigned(value ? 1 : 0, 1);
  }
  if (type.text === 'x' || type.text === 't') {
    if (typeof value !== 'bigint') throw notOfType(type);
    const wrapped = type.text === 't' ? value & UNSIGNED_64 : BigInt.asIntN(64, value);
    if (wrapped !== value) throw notOfType(type);
    return out.big(value & UNSIGNED_64);
  }
  if (typeof value !== 'number') throw notOfType(type);
  if (type.text === 'd') return out.append(new Uint8Array(Float64Array.of(value).buffer));
  const [low, high] = RANGE[type.text] ?? [0, -1];
  if (!Number.isInteger(value) || value < low || value > high) throw notOfType(type);
  out.unsigned(value < 0 ? value + 2 ** (8 * type.fixedSize) : value, type.fixedSize);
}

function writeVariant(out: Writer, type: GType, value: GValue): void {
  if (!isVariant(value)) throw notOfType(type);
  const inner = parseType(value.type);
  out.align(8);
  writeValue(out, inner, value.value);
  out.unsigned(0, 1);
  out.append(utf8Bytes(value.type));
}

function writeArray(out: Writer, type: GType, value: GValue): void {
  const item = element(type);
  if (item.text === 'y' && value instanceof Uint8Array) return out.append(value);
  if (!Array.isArray(value)) throw notOfType(type);
  out.align(type.alignment);
  const start = out.length;
  const ends: number[] = [];
  for (const one of value as readonly GValue[]) {
    out.align(item.alignment);
    writeValue(out, item, one);
    ends.push(out.length - start);
  }
  if (item.fixedSize === 0) writeOffsets(out, start, ends);
}

function writeTuple(out: Writer, type: GType, value: GValue): void {
  const values = asArray(value);
  if (values === null || values.length !== type.members.length) throw notOfType(type);
  out.align(type.alignment);
  const start = out.length;
  const ends: number[] = [];
  type.members.forEach((member, index) => {
    out.align(member.alignment);
    writeValue(out, member, values[index] ?? null);
    if (member.fixedSize === 0 && index < type.members.length - 1) ends.unshift(out.length - start);
  });
  if (type.members.length === 0) out.unsigned(0, 1);
  if (type.fixedSize > 0) out.reserve(type.fixedSize - (out.length - start));
  else writeOffsets(out, start, ends);
}

function writeOffsets(out: Writer, start: number, ends: readonly number[]): void {
  if (ends.length === 0) return;
  const size = offsetSizeFor(out.length - start, ends.length);
  for (const end of ends) out.unsigned(end, size);
}

/** Bytes of one framing offset in a container whose body has `body` bytes and that has `count` of them. */
function offsetSizeFor(body: number, count: number): number {
  if (body + count <= 0xff) return 1;
  if (body + 2 * count <= 0xffff) return 2;
  return 4;
}

/** Bytes of one framing offset in a container of `size` bytes, offsets included. */
function offsetSizeOf(size: number): number {
  if (size === 0) return 0;
  return size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
}

function readValue(type: GType, bytes: Uint8Array, start: number, end: number, depth: number): GValue {
  if (depth > 128) throw malformed(type, 'is nested too deeply');
  if (type.fixedSize > 0 && end - start !== type.fixedSize) throw malformed(type, 'has the wrong size');
  switch (type.kind) {
    case 'basic':
      return readBasic(type, bytes, start);
    case 'string':
      return readString(type, bytes, start, end);
    case 'variant':
      return readVariant(type, bytes, start, end, depth);
    case 'array':
      return readArray(type, bytes, start, end, depth);
    case 'maybe':
      return readMaybe(type, bytes, start, end, depth);
    case 'tuple':
      return readTuple(type, bytes, start, end, depth);
  }
}

function readBasic(type: GType, bytes: Uint8Array, at: number): GValue {
  if (type.text === 'd') return new Float64Array(bytes.slice(at, at + 8).buffer)[0] ?? 0;
  if (type.text === 'x' || type.text === 't') {
    const value = BigInt(readUnsigned(bytes, at, 4)) | (BigInt(readUnsigned(bytes, at + 4, 4)) << 32n);
    return type.text === 'x' ? BigInt.asIntN(64, value) : value;
  }
  const value = readUnsigned(bytes, at, type.fixedSize);
  if (type.text === 'b') {
    if (value > 1) throw malformed(type, 'is neither 0 nor 1');
    return value === 1;
  }
  const high = RANGE[type.text]?.[1] ?? 0;
  return value > high ? value - 2 ** (8 * type.fixedSize) : value;
}

function readUnsigned(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function readString(type: GType, bytes: Uint8Array, start: number, end: number): string {
  if (end <= start || bytes[end - 1] !== 0) throw malformed(type, 'does not end in a NUL byte');
  const text = utf8Text(bytes.subarray(start, end - 1));
  if (text === null || text.includes('\0')) throw malformed(type, 'is not valid UTF-8');
  return text;
}

function readVariant(type: GType, bytes: Uint8Array, start: number, end: number, depth: number): Variant {
  const separator = bytes.subarray(start, end).lastIndexOf(0);
  if (separator < 0) throw malformed(type, 'names no type');
  const text = utf8Text(bytes.subarray(start + separator + 1, end)) ?? '';
  const inner = parseType(text);
  return { type: text, value: readValue(inner, bytes, start, start + separator, depth + 1) };
}

function readMaybe(type: GType, bytes: Uint8Array, start: number, end: number, depth: number): GValue {
  if (start === end) return null;
  const inner = element(type);
  if (inner.fixedSize === 0 && bytes[end - 1] !== 0) throw malformed(type, 'does not end in a NUL byte');
  return readValue(inner, bytes, start, inner.fixedSize === 0 ? end - 1 : end, depth + 1);
}

function readArray(type: GType, bytes: Uint8Array, start: number, end: number, depth: number): GValue {
  const item = element(type);
  if (item.text === 'y') return bytes.slice(start, end);
  if (item.fixedSize > 0) return readFixedArray(type, item, bytes, start, end, depth);
  const size = end - start;
  if (size === 0) return [];
  const width = offsetSizeOf(size);
  const bodyEnd = readUnsigned(bytes, end - width, width);
  const count = (size - bodyEnd) / width;
  if (bodyEnd > size - width || !Number.isInteger(count)) throw malformed(type, 'has bad framing');
  if (width !== offsetSizeFor(bodyEnd, count)) throw malformed(type, 'has framing that is not the shortest');
  const values: GValue[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const itemEnd = readUnsigned(bytes, start + bodyEnd + i * width, width);
    const itemStart = alignedStart(type, bytes, start, at, item.alignment);
    if (itemEnd < itemStart || itemEnd > bodyEnd) throw malformed(type, 'has bad framing');
    values.push(readValue(item, bytes, start + itemStart, start + itemEnd, depth + 1));
    at = itemEnd;
  }
  return values;
}

function readFixedArray(
  type: GType,
  item: GType,
  bytes: Uint8Array,
  start: number,
  end: number,
  depth: number,
): GValue {
  if ((end - start) % item.fixedSize !== 0) throw malformed(type, 'has a partial element');
  const values: GValue[] = [];
  for (let at = start; at < end; at += item.fixedSize)
    values.push(readValue(item, bytes, at, at + item.fixedSize, depth + 1));
  return values;
}

function readTuple(type: GType, bytes: Uint8Array, start: number, end: number, depth: number): GValue {
  const size = end - start;
  const width = offsetSizeOf(size);
  const last = type.members.length - 1;
  const framed = type.members.filter((member, index) => member.fixedSize === 0 && index < last).length;
  const bodyEnd = size - framed * width;
  if (bodyEnd < 0 || (size === 0 && framed > 0)) throw malformed(type, 'is too short');
  if (framed > 0 && width !== offsetSizeFor(bodyEnd, framed))
    throw malformed(type, 'has framing that is not the shortest');
  const values: GValue[] = [];
  let at = 0;
  let offset = size;
  type.members.forEach((member, index) => {
    const memberStart = alignedStart(type, bytes, start, at, member.alignment);
    let memberEnd = bodyEnd;
    if (member.fixedSize > 0) memberEnd = memberStart + member.fixedSize;
    else if (index < last) {
      offset -= width;
      memberEnd = readUnsigned(bytes, start + offset, width);
    }
    if (memberEnd < memberStart || memberEnd > bodyEnd) throw malformed(type, 'has bad framing');
    values.push(readValue(member, bytes, start + memberStart, start + memberEnd, depth + 1));
    at = memberEnd;
  });
  if (type.fixedSize > 0) refuseNonZero(type, bytes, start + at, start + size);
  else if (at !== bodyEnd) throw malformed(type, 'has bytes that belong to no member');
  return values;
}

/** The next member's start; the padding before it must be zero. */
function alignedStart(type: GType, bytes: Uint8Array, start: number, at: number, alignment: number): number {
  const aligned = alignUp(at, alignment);
  refuseNonZero(type, bytes, start + at, start + aligned);
  return aligned;
}

function refuseNonZero(type: GType, bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++)
    if ((bytes[i] ?? 0) !== 0) throw malformed(type, 'has padding that is not zero');
}

function element(type: GType): GType {
  const [member] = type.members;
  if (member === undefined) throw malformed(type, 'has no element type');
  return member;
}

function asArray(value: GValue): readonly GValue[] | null {
  return Array.isArray(value) ? (value as readonly GValue[]) : null;
}

function isVariant(value: GValue): value is Variant {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && 'type' in value;
}

function notOfType(type: GType): UserError {
  return new UserError('BAD_GVARIANT', `a value does not fit the GVariant type '${type.text}'`);
}

function malformed(type: GType, why: string): UserError {
  return new UserError('BAD_GVARIANT', `malformed GVariant: a value of type '${type.text}' ${why}`);
}
