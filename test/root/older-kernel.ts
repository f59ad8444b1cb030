/** A kernel that lacks system calls, or knows fewer options: this machine's, seen through strace. */
import fs from 'node:fs';
import path from 'node:path';
import { PROJECT } from './scratch-initramfs.ts';
import { copyWithLibraries } from './synthetic-sysroot.ts';

/** With the libraries of this machine: the initramfs may have others. */
const TRACER = path.join(PROJECT, 'build/tracer');

/** @param injections as strace's `-e inject=` has them @returns the program as it is run inside the scratch initramfs */
export function underOlderKernel(injections: readonly string[], program: readonly string[]): string[] {
  if (!fs.existsSync(TRACER)) copyTracer();
  const loader = `${TRACER}/lib64/ld-linux-x86-64.so.2`;
  const libraries = `${TRACER}/lib/x86_64-linux-gnu`;
  const options = injections.flatMap((injection) => ['-e', `inject=${injection}`]);
  return [
    loader,
    '--library-path',
    libraries,
    `${TRACER}/usr/bin/strace`,
    '-qqo',
    '/dev/null',
    ...options,
    ...program,
  ];
}

/** Under another name until it is whole. */
function copyTracer(): void {
  const scratch = `${TRACER}.new-${process.pid}`;
  copyWithLibraries('/usr/bin/strace', scratch);
  fs.renameSync(scratch, TRACER);
}
