import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { run } from '#test/bench/measure.ts';
import { PROJECT, runInScratch } from '#test/root/scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from '#test/root/synthetic-sysroot.ts';

/** All runs of a program. */
export interface Times {
  /** Milliseconds from start to exit, in ascending order. */
  readonly wall: readonly number[];
  /** The largest resident set, KiB. */
  readonly peakKib: number;
}

/**
 * Runs prepare-root programs in turn, `runs` times each, in a small initramfs, each time in a mount namespace of its own
 * with a new /run; what is measured is the program alone, from before it is started until it has been waited for.
 * @param programs with their paths inside the initramfs; one that ends in ',--help' is only started
 * @param usr the `/usr` of the initramfs
 */
export function timePrepareRoot(programs: readonly string[], usr: string, runs: number): Times[] {
  const sysroot = makeSyntheticSysroot();
  try {
    const command = [timer(), String(runs), ...programs, '/sysroot'];
    const request = { sysroot, usr, cmdline: `root=x ${OSTREE_ARGUMENT}`, runs: [command] };
    const [done] = runInScratch(request).runs;
    if (done?.status !== 0) throw new Error(`time-boot: ${done?.stderr ?? ''}`);
    const lines = done.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    return programs.map((_, index) => timesOf(lines.filter(([program]) => program === index)));
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

function timesOf(lines: readonly (readonly number[])[]): Times {
  return {
    wall: lines.map(([, nanoseconds = NaN]) => nanoseconds / 1e6).toSorted((a, b) => a - b),
    peakKib: Math.max(...lines.map(([, , peak = NaN]) => peak)),
  };
}

/** Static: it runs beside whatever libraries an initramfs has. */
function timer(): string {
  const output = path.join(PROJECT, 'build/time-boot');
  run([
    'gcc',
    '-O2',
    '-Wall',
    '-Werror',
    '-static',
    '-o',
    output,
    path.join(PROJECT, 'native/time-boot/time-boot.c'),
  ]);
  return output;
}

/** Bytes of a file as xz -9 makes it. */
export function compressedSize(file: string): number {
  const done = spawnSync('xz', ['-9', '--stdout', file], { maxBuffer: 64 << 20 });
  if (done.status !== 0) throw new Error(`xz: ${String(done.stderr)}`);
  return done.stdout.length;
}
