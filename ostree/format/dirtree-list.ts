/** The bytes of a dirtree, `(a(say)a(sayay))`, put together from its elements. */
import { checksumBytes, type Checksum } from '#ostree/format/checksum.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

export const CHECKSUM_SIZE = 32;

/** An array of elements of different sizes, as GVariant serialises it: the elements, then the ends of all. */
export class DirtreeList {
  private readonly pieces: Uint8Array[] = [];
  private readonly ends: number[] = [];
  private body = 0;

  add(element: Uint8Array): void {
    this.addRun(element, [element.length]);
  }

  /** Elements that stand behind one another; `ends` are where each of them ends. */
  addRun(elements: Uint8Array, ends: readonly number[]): void {
    this.pieces.push(elements);
    for (const end of ends) this.ends.push(this.body + end);
    this.body += elements.length;
  }

  get size(): number {
    return this.body + this.ends.length * framingWidth(this.body, this.ends.length);
  }

  writeTo(out: Uint8Array, start: number): void {
    let at = start;
    for (const piece of this.pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    const width = framingWidth(this.body, this.ends.length);
    for (const value of this.ends) {
      writeOffset(out, { at, width, value });
      at += width;
    }
  }
}

/** The dirtree of a list of files (elements with one checksum) and one of directories (with two). */
export function joinDirtree(files: DirtreeList, dirs: DirtreeList): Uint8Array {
  const body = files.size + dirs.size;
  const width = framingWidth(body, 1);
  const out = new Uint8Array(body + width);
  files.writeTo(out, 0);
  dirs.writeTo(out, files.size);
  writeOffset(out, { at: body, width, value: files.size });
  return out;
}

/** `(say)` or `(sayay)`: the name, its NUL and the checksums; then the ends of all but the last member, in reverse. */
export function encodeElement(name: string, checksums: readonly Checksum[]): Uint8Array {
  const text = utf8Bytes(name);
  const out = new Uint8Array(elementSize(text.length, checksums.length));
  out.set(text);
  const nameEnd = text.length + 1;
  checksums.forEach((checksum, i) => out.set(checksumBytes(checksum), nameEnd + i * CHECKSUM_SIZE));
  const width = framingWidth(nameEnd + checksums.length * CHECKSUM_SIZE, checksums.length);
  for (let i = 0; i < checksums.length; i++)
    writeOffset(out, { at: out.length - (i + 1) * width, width, value: nameEnd + i * CHECKSUM_SIZE });
  return out;
}

/** Bytes of an element, its framing included. */
export function elementSize(nameLength: number, checksums: number): number {
  const body = nameLength + 1 + checksums * CHECKSUM_SIZE;
  return body + checksums * framingWidth(body, checksums);
}

/** Bytes of each of `count` framing offsets behind `body` bytes: as few as can tell the size of the whole. */
function framingWidth(body: number, count: number): number {
  if (body + count <= 0xff) return 1;
  return body + 2 * count <= 0xffff ? 2 : 4;
}

function writeOffset(
  out: Uint8Array,
  { at, width, value }: { readonly at: number; readonly width: number; readonly value: number },
): void {
  for (let i = 0; i < width; i++) out[at + i] = (value >>> (8 * i)) & 0xff;
}
