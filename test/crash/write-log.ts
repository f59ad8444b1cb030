/**
 * Every write to a disk, and every flush of its cache, while something works on the file systems on it: a real kernel's
 * writes, through a loop device on a file that qemu-storage-daemon serves and logs (its `blklogwrites`).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes that were written at a byte offset of the disk. */
export interface LoggedWrite {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** The writes between two flushes: when the power goes, any part of them may be on the disk. */
export type WriteWindow = readonly LoggedWrite[];

/** Of the log that dm-log-writes defines: a head, then for each entry a sector with its numbers, and its data. */
const MAGIC = 0x6a736677736872n;
const SECTOR = 512;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
const MARK = 8n;

const SECONDS_TO_START = 20;

/** Runs `action` on a file that stands for the disk; what it writes there gets into `disk`, too. */
export async function recordWrites(
  disk: string,
  action: (file: string) => Promise<void>,
): Promise<WriteWindow[]> {
  const folder = fs.mkdtempSync(path.join(path.dirname(disk), 'write-log-'));
  const [file, log] = [path.join(folder, 'disk'), path.join(folder, 'log')];
  for (const each of [file, log]) fs.writeFileSync(each, '');
  fs.truncateSync(log, 2 ** 32);
  const served = await serve(disk, log, file);
  try {
    await action(file);
  } finally {
    served.kill();
    await ended(served);
  }
  const windows = parseWriteLog(log);
  fs.rmSync(folder, { recursive: true });
  return windows;
}

/** QEMU's options for the node `logged`: the disk, with a log of what is written to it. */
export function loggedDisk(disk: string, log: string): string[] {
  return [
    `driver=file,node-name=disk,filename=${disk}`,
    `driver=file,node-name=log,filename=${log}`,
    `driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=${SECTOR}`,
  ].flatMap((node) => ['--blockdev', node]);
}

async function serve(disk: string, log: string, file: string): Promise<ChildProcess> {
  const size = fs.statSync(disk).size;
  const served = `type=fuse,id=logged,node-name=logged,mountpoint=${file},writable=on`;
  const child = spawn('qemu-storage-daemon', [...loggedDisk(disk, log), '--export', served], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  child.on('error', (error) => (said += error.message));
  for (let tried = 0; tried < SECONDS_TO_START * 50; tried++) {
    if (fs.statSync(file).size === size) return child;
    if (child.exitCode !== null) break;
    await sleep(20);
  }
  child.kill();
  throw new Error(`qemu-storage-daemon (package qemu-system-common) does not serve ${disk}: ${said}`);
}

async function ended(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) await sleep(5);
}

/** The windows of a log; the last one was never flushed. A discarded range reads as zeros. @throws Error on another file */
export function parseWriteLog(log: string): WriteWindow[] {
  const fd = fs.openSync(log, 'r');
  try {
    const head = readAt(fd, 0, SECTOR);
    if (head.readBigUInt64LE(0) !== MAGIC) throw new Error('this is no log of writes');
    const sector = head.readUInt32LE(24);
    const windows: LoggedWrite[][] = [[]];
    let position = sector;
    for (let left = head.readBigUInt64LE(16); left > 0n; left--) {
      const entry = readAt(fd, position, sector);
      position += sector;
      const offset = Number(entry.readBigUInt64LE(0)) * sector;
      const length = Number(entry.readBigUInt64LE(8)) * sector;
      const flags = entry.readBigUInt64LE(16);
      if ((flags & FLUSH) !== 0n) windows.push([]);
      const isDiscard = (flags & DISCARD) !== 0n;
      const bytes = isDiscard ? Buffer.alloc(length) : readAt(fd, position, length);
      if (!isDiscard) position += length;
      if (length > 0 && (flags & MARK) === 0n) windows.at(-1)?.push({ offset, bytes });
      if ((flags & FUA) !== 0n) windows.push([]);
    }
    return windows;
  } finally {
    fs.closeSync(fd);
  }
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (length > 0 && fs.readSync(fd, bytes, 0, length, position) !== length)
    throw new Error('the log of writes is cut off');
  return bytes;
}
