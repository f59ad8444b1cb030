/** The states that a power cut may leave a disk in, of which every write and flush is known. */
import fs from 'node:fs';
import { run } from '../root/sysroot-fixture.ts';
import type { LoggedWrite, WriteWindow } from './write-log.ts';

export interface PowerCut {
  /** "after flush 3", "in window 4, some of its 12 writes": for messages. */
  readonly moment: string;
  /** Flushes until then. */
  readonly flushes: number;
  /** On the disk besides what was flushed. */
  readonly unflushed: readonly LoggedWrite[];
  /** Nothing that was written until then is missing. */
  readonly isWhole: boolean;
}

export interface CutOptions {
  /** States of each window with a random part of its writes; half of them with a random part of its sectors. */
  readonly parts: number;
  /** Bytes that the disk writes whole or not at all, at an offset: by default 4096, a block, as ext4 and XFS rely on. */
  readonly sectorAt?: (offset: number) => number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

/** Before the first write, after each flush, and between two flushes. Windows without a write have no states. */
export function* powerCuts(
  windows: readonly WriteWindow[],
  { parts, sectorAt = () => 4096, random }: CutOptions,
): Generator<PowerCut> {
  const some = <T>(all: readonly T[]): T[] => {
    const share = random();
    return all.filter(() => random() < share);
  };
  yield { moment: 'before the first write', flushes: 0, unflushed: [], isWhole: true };
  for (const [index, window] of windows.entries()) {
    if (window.length === 0) continue;
    const moment = (what: string) => `window ${index + 1} of ${windows.length}: ${what}`;
    const state = (what: string, unflushed: readonly LoggedWrite[]): PowerCut => ({
      moment: moment(`${what} of ${window.length} writes`),
      flushes: index,
      unflushed,
      isWhole: unflushed === window,
    });
    // A single write has only whole states, unless it is cut between sectors.
    if (window.length > 1) {
      yield state('the last one', window.slice(-1));
      for (let number = 0; number < parts; number += 2) yield state('some', some(window));
    }
    const sectors = window.flatMap((write) => inSectors(write, sectorAt(write.offset)));
    if (sectors.length > 1)
      for (let number = 1; number < parts; number += 2) yield state('some sectors', some(sectors));
    yield state('all', window);
  }
}

function inSectors({ offset, bytes }: LoggedWrite, sector: number): LoggedWrite[] {
  return Array.from({ length: Math.ceil(bytes.length / sector) }, (_, at) => ({
    offset: offset + at * sector,
    bytes: bytes.subarray(at * sector, (at + 1) * sector),
  }));
}

/** Numbers that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

/** Makes the states, in the order of the flushes, as copies beside the disk. */
export class CutDisk {
  readonly #durable: string;
  readonly #windows: readonly WriteWindow[];
  #flushes = 0;

  /** `before`: the disk before the first write. */
  constructor(before: string, windows: readonly WriteWindow[]) {
    this.#durable = `${before}.durable`;
    this.#windows = windows;
    copyDisk(before, this.#durable);
  }

  /** @throws Error for a state of before the last one's flushes */
  leave(cut: PowerCut, file: string): void {
    if (cut.flushes < this.#flushes) throw new Error('the disk is past that flush');
    for (; this.#flushes < cut.flushes; this.#flushes++)
      applyWrites(this.#durable, this.#windows[this.#flushes] ?? []);
    copyDisk(this.#durable, file);
    applyWrites(file, cut.unflushed);
  }

  remove(): void {
    fs.rmSync(this.#durable);
  }
}

export function copyDisk(from: string, to: string): void {
  run('cp', ['--sparse=always', from, to]);
}

function applyWrites(file: string, writes: readonly LoggedWrite[]): void {
  const fd = fs.openSync(file, 'r+');
  for (const { offset, bytes } of writes) fs.writeSync(fd, bytes, 0, bytes.length, offset);
  fs.closeSync(fd);
}
