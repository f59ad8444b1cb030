/**
 * A dirtree object used in place: of a directory with thousands of names, a change mostly asks for a few, and leaves the
 * bytes of all others as they are.
 */
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import {
  CHECKSUM_SIZE,
  DirtreeList,
  encodeElement,
  elementSize,
  joinDirtree,
} from '#ostree/format/dirtree-list.ts';
import type { DirtreeDir, DirtreeFile } from '#ostree/format/dirtree.ts';
import { compareBytewise, utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

/** What becomes of names: null removes. A name must not be in both. */
export interface DirtreeEdits {
  readonly files: ReadonlyMap<string, Checksum | null>;
  readonly dirs: ReadonlyMap<string, Omit<DirtreeDir, 'name'> | null>;
}

/** The two arrays of a dirtree: elements with one checksum, and with two. */
type ListKind = 'files' | 'dirs';
const CHECKSUMS = { files: 1, dirs: 2 } as const;

export class DirtreeView {
  private readonly bytes: Uint8Array;
  private readonly index: Uint32Array;

  /**
   * @param bytes a dirtree object whose names are sorted and occur once
   * @param index of these bytes, as `BatchCalls.indexDirtree` makes it
   */
  constructor(bytes: Uint8Array, index: Uint32Array) {
    this.bytes = bytes;
    this.index = index;
  }

  static empty(): DirtreeView {
    return new DirtreeView(new Uint8Array(1), new Uint32Array(1));
  }

  file(name: string): Checksum | null {
    const [at, found] = this.find('files', name);
    return found ? this.checksumAt('files', at, 0) : null;
  }

  directory(name: string): Omit<DirtreeDir, 'name'> | null {
    const [at, found] = this.find('dirs', name);
    if (!found) return null;
    return { contents: this.checksumAt('dirs', at, 0), meta: this.checksumAt('dirs', at, 1) };
  }

  files(): DirtreeFile[] {
    return this.all('files', (name, at) => ({ name, checksum: this.checksumAt('files', at, 0) }));
  }

  directoryNames(): string[] {
    return this.all('dirs', (name) => name);
  }

  /** The dirtree object with the edits made; the bytes are those that `encodeDirtree` gives. */
  edited(edits: DirtreeEdits): Uint8Array {
    const files = this.editedList('files', edits.files, (checksum) => [checksum]);
    const dirs = this.editedList('dirs', edits.dirs, ({ contents, meta }) => [contents, meta]);
    return joinDirtree(files, dirs);
  }

  private all<T>(kind: ListKind, entry: (name: string, at: number) => T): T[] {
    const count = this.count(kind);
    const entries: T[] = [];
    for (let at = 0; at < count; at++) entries.push(entry(utf8Text(this.name(kind, at)) ?? '', at));
    return entries;
  }

  private count(kind: ListKind): number {
    const files = this.index[0] ?? 0;
    return kind === 'files' ? files : (this.index.length - 1) / 2 - files;
  }

  /** Where the name of an element begins, and its length. */
  private start(kind: ListKind, at: number): number {
    return this.index[this.slot(kind, at)] ?? 0;
  }

  private length(kind: ListKind, at: number): number {
    return this.index[this.slot(kind, at) + 1] ?? 0;
  }

  private slot(kind: ListKind, at: number): number {
    return 1 + 2 * (kind === 'files' ? at : (this.index[0] ?? 0) + at);
  }

  private name(kind: ListKind, at: number): Uint8Array {
    const start = this.start(kind, at);
    return this.bytes.subarray(start, start + this.length(kind, at));
  }

  private checksumAt(kind: ListKind, at: number, which: 0 | 1): Checksum {
    const start = this.start(kind, at) + this.length(kind, at) + 1 + which * CHECKSUM_SIZE;
    return checksumFromBytes(this.bytes.subarray(start, start + CHECKSUM_SIZE));
  }

  /** The element of this name, or the one before which it belongs. */
  private find(kind: ListKind, name: string): readonly [at: number, found: boolean] {
    const wanted = utf8Bytes(name);
    let low = 0;
    let high = this.count(kind);
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = this.compare(kind, middle, wanted);
      if (order === 0) return [middle, true];
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return [low, false];
  }

  private compare(kind: ListKind, at: number, wanted: Uint8Array): number {
    const start = this.start(kind, at);
    const length = this.length(kind, at);
    const both = Math.min(length, wanted.length);
    for (let i = 0; i < both; i++) {
      const difference = (this.bytes[start + i] ?? 0) - (wanted[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return length - wanted.length;
  }

  private editedList<T>(
    kind: ListKind,
    edits: ReadonlyMap<string, T | null>,
    checksums: (value: T) => readonly Checksum[],
  ): DirtreeList {
    const list = new DirtreeList();
    let next = 0;
    for (const [name, value] of [...edits].sort(([a], [b]) => compareBytewise(a, b))) {
      const [at, found] = this.find(kind, name);
      this.keep(list, kind, { from: next, to: at });
      if (value !== null) list.add(encodeElement(name, checksums(value)));
      next = found ? at + 1 : at;
    }
    this.keep(list, kind, { from: next, to: this.count(kind) });
    return list;
  }

  /** Adds the elements from `from` up to `to` as they are. */
  private keep(
    list: DirtreeList,
    kind: ListKind,
    range: { readonly from: number; readonly to: number },
  ): void {
    if (range.from >= range.to) return;
    const start = this.start(kind, range.from);
    const lastAt = range.to - 1;
    const last = this.slot(kind, lastAt);
    const ends = [];
    for (let next = this.slot(kind, range.from + 1); next <= last; next += 2)
      ends.push((this.index[next] ?? 0) - start);
    const end = this.start(kind, lastAt) + elementSize(this.length(kind, lastAt), CHECKSUMS[kind]);
    ends.push(end - start);
    list.addRun(this.bytes.subarray(start, end), ends);
  }
}
