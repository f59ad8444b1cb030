import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { VM_BUILD } from './build-cache.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { EXECUTABLE, filesPart, padded } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { GUEST, miniInitramfs } from './mini-initramfs.ts';

const SECTORS_BEFORE = 2048;
/** Where the partition of `partitioned` starts, in bytes. */
export const PARTITION_OFFSET = SECTORS_BEFORE * 512;

/** What the initramfs of `loaderInitramfs` told. */
export interface Started {
  /** PRETTY_NAME of the tree that the boot link leads to. */
  readonly os: string;
  readonly kernelArguments: string;
  readonly console: string;
}

/** An initramfs that tells what the boot loader gave it, and powers off. */
export async function loaderInitramfs(kernel: Kernel, busybox?: string): Promise<InitramfsPart> {
  const init = fs.readFileSync(path.join(GUEST, 'loader-init.sh'));
  return Buffer.concat([
    padded(await miniInitramfs(kernel, busybox)),
    filesPart([{ name: 'init', text: init, mode: EXECUTABLE }]),
  ]);
}

/** A copy of a file system as the first, bootable, partition of a disk (MBR). */
export async function partitioned(fileSystem: string, name: string): Promise<string> {
  const disk = path.join(VM_BUILD, `${name}.img`);
  const sectors = fs.statSync(fileSystem).size / 512;
  const fd = fs.openSync(disk, 'w');
  fs.ftruncateSync(fd, (SECTORS_BEFORE + sectors) * 512);
  fs.writeSync(fd, bootRecord(sectors), 0, 512, 0);
  fs.closeSync(fd);
  await runCommand('dd', [
    ...[`if=${fileSystem}`, `of=${disk}`, 'bs=1M', `seek=${PARTITION_OFFSET / 2 ** 20}`],
    ...['conv=notrunc,sparse', 'status=none'],
  ]);
  return disk;
}

/** A master boot record without code: one active partition of Linux. */
function bootRecord(sectors: number): Buffer {
  const record = Buffer.alloc(512);
  record.writeUInt8(0x80, 446);
  record.writeUInt8(0x83, 450);
  record.writeUInt32LE(SECTORS_BEFORE, 454);
  record.writeUInt32LE(sectors, 458);
  record.writeUInt16BE(0x55aa, 510);
  return record;
}

export interface PowerOn {
  /** Of the console's log. */
  readonly name: string;
  readonly seconds: number;
  /** As in boot.ts: for firmware that gives up on what takes too long by its clock. */
  readonly countInstructions?: boolean;
  /** What somebody types, once the console shows it. */
  readonly typed?: { readonly at: RegExp; readonly text: string };
}

/** Starts a machine with its firmware or boot sector, and waits for what the initramfs tells. */
export async function start(program: string, args: readonly string[], on: PowerOn): Promise<Started> {
  const { name } = on;
  const console = await powerOn(program, args, on);
  const told = (word: string): string => new RegExp(`^@@${word} (.*)$`, 'm').exec(console)?.[1] ?? '';
  const os = told('os');
  if (os === '')
    throw new UserError(
      'COMMAND_FAILED',
      `${name}: no kernel told anything:\n${console.trimEnd().split('\n').slice(-30).join('\n')}`,
    );
  return { os: os.replaceAll('"', ''), kernelArguments: told('arguments'), console };
}

/** Starts a machine, and waits until it powers off or starts anew. @returns what the console showed */
export async function powerOn(program: string, args: readonly string[], on: PowerOn): Promise<string> {
  const quiet = ['-nic', 'none', '-no-reboot', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'];
  const machine = [...args, ...acceleration(on), '-m', '768', ...quiet];
  return await watch(program, machine, on);
}

/** `shift=1`: an instruction takes two nanoseconds. */
function acceleration({ countInstructions }: PowerOn): string[] {
  return countInstructions === true
    ? ['-accel', 'tcg,thread=single', '-icount', 'shift=1']
    : ['-accel', 'tcg,thread=multi'];
}

function watch(program: string, args: readonly string[], on: PowerOn): Promise<string> {
  const { seconds, typed, name } = on;
  fs.mkdirSync(path.join(VM_BUILD, 'logs'), { recursive: true });
  const log = fs.openSync(path.join(VM_BUILD, 'logs', `${name}.console`), 'w');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: 'pipe',
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
    });
    let text = '';
    if (typed === undefined) child.stdin.end();
    let isTyped = false;
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      fs.writeSync(log, chunk);
      if (isTyped || typed?.at.test(text) !== true) return;
      isTyped = true;
      child.stdin.write(typed.text);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (cause) => {
      reject(new UserError('COMMAND_MISSING', `${program} cannot be started: ${cause.message}`, { cause }));
    });
    child.on('close', () => {
      fs.closeSync(log);
      resolve(text.replaceAll('\r', ''));
    });
  });
}
