import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';

/** One program run: the file and its arguments. */
export type Argv = readonly [program: string, ...args: string[]];

/** What the runs of one or several programs, one after the other, took. */
export interface Measurement {
  /** Wall time, seconds. */
  readonly wall: number;
  /** User and system time, seconds. */
  readonly cpu: number;
  /** The largest resident set of any of the processes, KiB. */
  readonly peakKib: number;
  readonly stdout: string;
}

/** The calls that wait for the disk. */
export const SYNC_CALLS = ['fsync', 'fdatasync', 'syncfs', 'sync_file_range', 'msync', 'sync'] as const;

/** Runs the programs one after the other; process start is part of the time. Dirty pages are written out before. */
export function measure(commands: readonly Argv[]): Measurement {
  spawnSync('sync');
  const runs = commands.map(timed);
  return {
    wall: sum(runs.map((run) => run.wall)),
    cpu: sum(runs.map((run) => run.cpu)),
    peakKib: Math.max(...runs.map((run) => run.peakKib)),
    stdout: runs.map((run) => run.stdout).join(''),
  };
}

/** How often the programs and their children call each of SYNC_CALLS (all threads), by strace. */
export function countSyncs(commands: readonly Argv[]): number {
  return sum(commands.map(syncsOf));
}

function timed(command: Argv): Measurement {
  const report = path.join(os.tmpdir(), `yum-ostree-bench-${process.pid}.time`);
  const started = process.hrtime.bigint();
  const stdout = run(['/usr/bin/time', '-q', '-o', report, '-f', '%U %S %M', ...command]);
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  const [user = 0, system = 0, peakKib = 0] = fs
    .readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .slice(-1)
    .flatMap((line) => line.split(' ').map(Number));
  fs.rmSync(report);
  return { wall, cpu: user + system, peakKib, stdout };
}

function syncsOf(command: Argv): number {
  const report = path.join(os.tmpdir(), `yum-ostree-bench-${process.pid}.strace`);
  const trace = `trace=${SYNC_CALLS.join(',')}`;
  run(['strace', '-f', '--seccomp-bpf', '-qq', '-e', trace, '-e', 'signal=none', '-o', report, ...command]);
  const lines = fs.readFileSync(report, 'utf8').split('\n');
  fs.rmSync(report);
  // A call interrupted by another thread's is printed in two lines; its resumption is not a second call.
  return lines.filter((line) => /^\d+\s+\w+\(/.test(line)).length;
}

/** @throws UserError COMMAND_FAILED with the last lines of what the program printed */
export function run(command: Argv): string {
  const [program, ...args] = command;
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return result.stdout;
  const interrupted = result.signal === 'SIGINT' || result.status === 130;
  const lines = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-4).join(' | ');
  throw new UserError(
    interrupted ? 'INTERRUPTED' : 'COMMAND_FAILED',
    `${command.join(' ')}: ${result.error?.message ?? `exit code ${result.status ?? result.signal}`}: ${lines}`,
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
