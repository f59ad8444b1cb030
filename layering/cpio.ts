/** cpio archives as RPM payloads hold them: newc (070701, 070702) and rpm's stripped form (07070X). */
import { latin1Text } from '#ostree/format/latin1.ts';

/** A reader over pieces of bytes that come from somewhere; nothing is held but the current piece. */
export interface ByteReader {
  /** Exactly `length` bytes (a few, they are joined). @throws Error where the data ends before */
  exactly(length: number): Uint8Array;
  /** The next at most `maximum` bytes, at least one. @throws Error where the data has ended */
  some(maximum: number): Uint8Array;
  /** Reads all that is left and returns how many bytes it was; gives up above `limit`. */
  drain(limit: number): number;
}

export interface CpioEntry {
  /** As it stands in the archive; null in the stripped form. */
  readonly name: Uint8Array | null;
  /** The file's index in the package's header; null in the newc form. */
  readonly index: number | null;
  /** Bytes of content; in the stripped form what `sizeOf` says. */
  readonly size: number;
  /** May be run once, before the next entry is asked for; what is left of it is skipped. */
  content(): Generator<Uint8Array, void>;
}

const NEWC_SIZE = 110;
const LONGEST_NAME = 4096;
const SIZE_FIELD = 6;
const NAME_SIZE_FIELD = 11;
const PIECE = 1 << 20;

export function byteReader(pieces: Iterator<Uint8Array, unknown>): ByteReader {
  let piece: Uint8Array = new Uint8Array(0);
  const more = (): boolean => {
    while (piece.length === 0) {
      const next = pieces.next();
      if (next.done === true) return false;
      piece = next.value;
    }
    return true;
  };
  const some = (maximum: number) => {
    if (!more()) throw new Error('the archive ends too early');
    const part = piece.subarray(0, maximum);
    piece = piece.subarray(part.length);
    return part;
  };
  return {
    some,
    exactly: (length) => {
      const first = length === 0 ? piece.subarray(0, 0) : some(length);
      if (first.length === length) return first;
      const joined = new Uint8Array(length);
      joined.set(first);
      for (let at = first.length; at < length;) {
        const part = some(length - at);
        joined.set(part, at);
        at += part.length;
      }
      return joined;
    },
    drain: (limit) => {
      let total = 0;
      for (; more() && total <= limit; piece = new Uint8Array(0)) total += piece.length;
      return total;
    },
  };
}

/**
 * The entries up to the trailer. `sizeOf` gives the content's size of a file by its index in the package's header,
 * which the stripped form leaves out.
 * @throws Error with a short reason where the archive is malformed or ends too early
 */
export function* readCpio(reader: ByteReader, sizeOf: (index: number) => number): Generator<CpioEntry, void> {
  for (;;) {
    const head = readHead(reader, sizeOf);
    if (head === null) return;
    const content = contentOf(reader, head.size);
    yield { ...head, content: () => content.pieces };
    content.skip();
    reader.exactly(padding(head.size));
  }
}

type Head = Pick<CpioEntry, 'name' | 'index' | 'size'>;

/** null at the trailer. */
function readHead(reader: ByteReader, sizeOf: (index: number) => number): Head | null {
  const magic = latin1Text(reader.exactly(6));
  if (magic === '07070X') {
    const index = hexNumber(reader.exactly(8));
    reader.exactly(2);
    return { name: null, index, size: sizeOf(index) };
  }
  if (magic !== '070701' && magic !== '070702') throw new Error('its archive is not of the cpio newc format');
  const fields = reader.exactly(NEWC_SIZE - 6);
  const field = (number: number) => hexNumber(fields.subarray(8 * number, 8 * number + 8));
  const [size, nameSize] = [field(SIZE_FIELD), field(NAME_SIZE_FIELD)];
  if (nameSize < 2 || nameSize > LONGEST_NAME) throw new Error(`its archive has a name of ${nameSize} bytes`);
  const name = reader.exactly(nameSize);
  reader.exactly(padding(NEWC_SIZE + nameSize));
  if (name.indexOf(0) !== nameSize - 1) throw new Error('its archive has a malformed name');
  const text = name.subarray(0, -1);
  return Buffer.from(text).toString('latin1') === 'TRAILER!!!' ? null : { name: text, index: null, size };
}

function contentOf(reader: ByteReader, size: number): { pieces: Generator<Uint8Array, void>; skip(): void } {
  let left = size;
  function* read(): Generator<Uint8Array, void> {
    while (left > 0) {
      const part = reader.some(Math.min(left, PIECE));
      left -= part.length;
      yield part;
    }
  }
  return {
    pieces: read(),
    skip: () => {
      while (left > 0) left -= reader.some(left).length;
    },
  };
}

function padding(size: number): number {
  return (4 - (size % 4)) % 4;
}

function hexNumber(bytes: Uint8Array): number {
  const text = latin1Text(bytes);
  if (!/^[0-9a-fA-F]{8}$/.test(text)) throw new Error('its archive has a malformed header');
  return parseInt(text, 16);
}
