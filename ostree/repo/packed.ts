/** Packed little-endian buffers: how plans go to the native batch calls and results come back. */
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

/** Appends numbers and length-prefixed bytes to a growing buffer. */
export class PackWriter {
  private bytes: Uint8Array;
  private view: DataView;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(value: number): this {
    const at = this.reserve(1);
    this.bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.reserve(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.reserve(8);
    this.view.setFloat64(at, value, true);
    return this;
  }

  /** The bytes alone, without their length. */
  raw(data: Uint8Array): this {
    const at = this.reserve(data.length);
    this.bytes.set(data, at);
    return this;
  }

  /** A 16-bit length, then the bytes. */
  bytes16(data: Uint8Array): this {
    return this.u16(data.length).raw(data);
  }

  /** A 32-bit length, then the bytes. */
  bytes32(data: Uint8Array): this {
    return this.u32(data.length).raw(data);
  }

  text16(text: string): this {
    return this.bytes16(utf8Bytes(text));
  }

  /** Overwrites four bytes written before. */
  patchU32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** A view of what was written; valid until the next write. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Reads what a native call packed. */
export class PackReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  u16(): number {
    const value = this.view.getUint16(this.at, true);
    this.at += 2;
    return value;
  }

  u32(): number {
    const value = this.view.getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  f64(): number {
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  /** A view of the next `size` bytes, not a copy. */
  raw(size: number): Uint8Array {
    const start = this.at;
    this.at += size;
    return this.bytes.subarray(start, this.at);
  }

  bytes16(): Uint8Array {
    return this.raw(this.u16());
  }

  bytes32(): Uint8Array {
    return this.raw(this.u32());
  }

  /** The text, or null where it is not valid UTF-8. */
  text16(): string | null {
    return utf8Text(this.bytes16());
  }
}
