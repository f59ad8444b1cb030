import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { VM_BUILD } from './build-cache.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { EXECUTABLE, filesPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { GUEST, miniInitramfs } from './mini-initramfs.ts';

const SECTORS_BEFORE = 2048;

/** What the initramfs of `loaderInitramfs` told. */
export interface Started {
  /** PRETTY_NAME of the tree that the boot link leads to. */
  readonly os: string;
  readonly kernelArguments: string;
  readonly console: string;
}

/** An initramfs that tells what the boot loader gave it, and powers off. */
export async function loaderInitramfs(kernel: Kernel, busybox?: string): Promise<InitramfsPart> {
  const mini = await miniInitramfs(kernel, busybox);
  const init = fs.readFileSync(path.join(GUEST, 'loader-init.sh'));
  return Buffer.concat([
    mini,
    Buffer.alloc(-mini.length & 3),
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
    ...[`if=${fileSystem}`, `of=${disk}`, 'bs=1M', `seek=${(SECTORS_BEFORE * 512) / 2 ** 20}`],
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

/** Starts a machine with its firmware or boot sector, and waits for what the initramfs tells. */
export async function start(
  program: string,
  args: readonly string[],
  { name, seconds }: { readonly name: string; readonly seconds: number },
): Promise<Started> {
  const common = [
    '-m',
    '768',
    '-nic',
    'none',
    '-no-reboot',
    '-display',
    'none',
    '-monitor',
    'none',
    '-serial',
    'stdio',
  ];
  const console = await watch(program, ['-accel', 'tcg,thread=multi', ...common, ...args], seconds * 1000);
  fs.mkdirSync(path.join(VM_BUILD, 'logs'), { recursive: true });
  fs.writeFileSync(path.join(VM_BUILD, 'logs', `${name}.console`), console);
  const told = (word: string): string => new RegExp(`^@@${word} (.*)$`, 'm').exec(console)?.[1] ?? '';
  const os = told('os');
  if (os === '')
    throw new UserError(
      'COMMAND_FAILED',
      `${name}: no kernel told anything:\n${console.trimEnd().split('\n').slice(-30).join('\n')}`,
    );
  return { os: os.replaceAll('"', ''), kernelArguments: told('arguments'), console };
}

function watch(program: string, args: readonly string[], limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limit,
      killSignal: 'SIGKILL',
    });
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (cause) => {
      reject(new UserError('COMMAND_MISSING', `${program} cannot be started: ${cause.message}`, { cause }));
    });
    child.on('close', () => {
      resolve(text.replaceAll('\r', ''));
    });
  });
}
