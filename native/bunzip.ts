/** bzip2 decompression (the library's static archive cannot be linked into an addon). */
import type { ReadBytes } from '#native/decompress.ts';

const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const GROUP_SIZE = 50;
const LONGEST_CODE = 20;
const OUTPUT_CHUNK = 1 << 20;

/** The decompressed bytes, in pieces of at most 1 MiB; one block (900 kB) is held. @throws Error on bad data */
export function* bunzip(source: ReadBytes): Generator<Uint8Array, void> {
  const bits = bitReader(source);
  let first = true;
  while (first || !bits.atEnd()) {
    yield* stream(bits);
    bits.align();
    first = false;
  }
}

function* stream(bits: BitReader): Generator<Uint8Array, void> {
  if (bits.read(24) !== 0x425a68) throw new Error('this is not bzip2 data');
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw new Error('this is not bzip2 data');
  const symbols = new Uint32Array(level * 100_000);
  let combined = 0;
  for (;;) {
    const magic = bits.read(24) * 2 ** 24 + bits.read(24);
    const expected = (bits.read(16) << 16) | bits.read(16);
    if (magic === END_MAGIC) {
      if (expected !== combined) throw corrupted();
      return;
    }
    if (magic !== BLOCK_MAGIC) throw corrupted();
    const block = readBlock(bits, symbols);
    const crc = yield* expandRuns(block);
    if (crc !== expected) throw corrupted();
    combined = ((combined << 1) | (combined >>> 31)) ^ crc;
  }
}

interface Block {
  /** Per position: the byte in the low 8 bits, the successor's position above them. */
  readonly links: Uint32Array;
  readonly length: number;
  readonly start: number;
}

function readBlock(bits: BitReader, links: Uint32Array): Block {
  if (bits.read(1) === 1) throw new Error('the bzip2 data is of an obsolete kind');
  const start = bits.read(24);
  const alphabet = readAlphabet(bits);
  const tableCount = bits.read(3);
  if (tableCount < 2 || tableCount > 6 || alphabet.length === 0) throw corrupted();
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from({ length: tableCount }, () => readTable(bits, alphabet.length + 2));
  const { length, counts } = readSymbols(bits, { links, alphabet, selectors, tables });
  if (start >= length) throw corrupted();
  invertTransform(links, length, counts);
  return { links, length, start };
}

function readAlphabet(bits: BitReader): Uint8Array {
  const rows = bits.read(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    const columns = (rows & (0x8000 >> row)) === 0 ? 0 : bits.read(16);
    for (let column = 0; column < 16; column++)
      if ((columns & (0x8000 >> column)) !== 0) used.push(row * 16 + column);
  }
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, tableCount: number): Uint8Array {
  const selectors = new Uint8Array(bits.read(15));
  const order = Uint8Array.from({ length: tableCount }, (_, index) => index);
  for (let i = 0; i < selectors.length; i++) {
    let position = 0;
    while (bits.read(1) === 1) if (++position >= tableCount) throw corrupted();
    selectors[i] = moveToFront(order, position);
  }
  return selectors;
}

/** A canonical prefix code: for each length the largest code, and where its symbols start. */
interface Table {
  readonly limits: Int32Array;
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
}

function readTable(bits: BitReader, symbolCount: number): Table {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (length < 1 || length > LONGEST_CODE) throw corrupted();
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  const limits = new Int32Array(LONGEST_CODE + 1).fill(-1);
  const offsets = new Int32Array(LONGEST_CODE + 1);
  const symbols = new Uint16Array(symbolCount);
  let code = 0;
  let at = 0;
  for (let size = 1; size <= LONGEST_CODE; size++) {
    offsets[size] = at - code;
    for (let symbol = 0; symbol < symbolCount; symbol++) if (lengths[symbol] === size) symbols[at++] = symbol;
    code += at - ((offsets[size] ?? 0) + code);
    limits[size] = code - 1;
    code <<= 1;
  }
  return { limits, offsets, symbols };
}

interface SymbolInput {
  readonly links: Uint32Array;
  readonly alphabet: Uint8Array;
  readonly selectors: Uint8Array;
  readonly tables: readonly Table[];
}

/** Undoes the prefix codes, the zero runs and the move-to-front; the bytes land in `links`. */
function readSymbols(bits: BitReader, input: SymbolInput): { length: number; counts: Uint32Array } {
  const { links, selectors, tables } = input;
  const order = input.alphabet.slice();
  const end = order.length + 1;
  const counts = new Uint32Array(256);
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let index = 0; ; index++) {
    const table = tables[selectors[Math.floor(index / GROUP_SIZE)] ?? tables.length];
    if (table === undefined) throw corrupted();
    const symbol = readCode(bits, table);
    if (symbol <= 1) {
      run += weight << symbol;
      weight <<= 1;
      if (run > links.length) throw corrupted();
      continue;
    }
    length = putRun(links, { length, run, byte: order[0] ?? 0, counts });
    run = 0;
    weight = 1;
    if (symbol === end) return { length, counts };
    const byte = moveToFront(order, symbol - 1);
    length = putRun(links, { length, run: 1, byte, counts });
  }
}

function putRun(
  links: Uint32Array,
  put: {
    readonly length: number;
    readonly run: number;
    readonly byte: number;
    readonly counts: Uint32Array;
  },
): number {
  const end = put.length + put.run;
  if (end > links.length) throw corrupted();
  links.fill(put.byte, put.length, end);
  put.counts[put.byte] = (put.counts[put.byte] ?? 0) + put.run;
  return end;
}

function readCode(bits: BitReader, table: Table): number {
  let code = 0;
  for (let size = 1; size <= LONGEST_CODE; size++) {
    code = (code << 1) | bits.read(1);
    if (code <= (table.limits[size] ?? -1)) {
      const symbol = table.symbols[code + (table.offsets[size] ?? 0)];
      if (symbol === undefined) throw corrupted();
      return symbol;
    }
  }
  throw corrupted();
}

function invertTransform(links: Uint32Array, length: number, counts: Uint32Array): void {
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = counts[byte] ?? 0;
    counts[byte] = sum;
    sum += count;
  }
  for (let i = 0; i < length; i++) {
    const byte = (links[i] ?? 0) & 0xff;
    const at = counts[byte] ?? 0;
    counts[byte] = at + 1;
    links[at] = (links[at] ?? 0) | (i << 8);
  }
}

/** Walks the block and undoes its outer run-length code (four equal bytes, then a count). Returns the CRC. */
function* expandRuns(block: Block): Generator<Uint8Array, number> {
  let out = new Uint8Array(OUTPUT_CHUNK + 256);
  let filled = 0;
  let crc = 0xffffffff;
  let previous = -1;
  let equal = 0;
  let link = block.links[block.start] ?? 0;
  for (let i = 0; i < block.length; i++) {
    link = block.links[link >>> 8] ?? 0;
    const byte = link & 0xff;
    const repeat = equal === 4 ? byte : 1;
    const value = equal === 4 ? previous : byte;
    equal = equal === 4 ? 0 : byte === previous ? equal + 1 : 1;
    previous = equal === 0 ? -1 : byte;
    for (let k = 0; k < repeat; k++) {
      out[filled++] = value;
      crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ value] ?? 0);
    }
    if (filled >= OUTPUT_CHUNK) {
      yield out.subarray(0, filled);
      out = new Uint8Array(OUTPUT_CHUNK + 256);
      filled = 0;
    }
  }
  if (filled > 0) yield out.subarray(0, filled);
  return ~crc;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc;
});

function moveToFront(order: Uint8Array, position: number): number {
  const value = order[position];
  if (value === undefined) throw corrupted();
  order.copyWithin(1, 0, position);
  order[0] = value;
  return value;
}

interface BitReader {
  /** At most 24 bits, the first the most significant. */
  read(count: number): number;
  /** Drops the rest of a begun byte. */
  align(): void;
  atEnd(): boolean;
}

function bitReader(source: ReadBytes): BitReader {
  let chunk: Uint8Array = new Uint8Array(0);
  let at = 0;
  let held = 0;
  let heldBits = 0;
  const more = () => {
    chunk = source();
    at = 0;
    return chunk.length > 0;
  };
  return {
    read: (count) => {
      while (heldBits < count) {
        if (at >= chunk.length && !more()) throw new Error('the compressed data ends too early');
        held = ((held << 8) | (chunk[at++] ?? 0)) >>> 0;
        heldBits += 8;
      }
      heldBits -= count;
      return (held >>> heldBits) & ((1 << count) - 1);
    },
    align: () => {
      heldBits -= heldBits % 8;
    },
    atEnd: () => heldBits === 0 && at >= chunk.length && !more(),
  };
}

function corrupted(): Error {
  return new Error('the bzip2 data is corrupted');
}
