/**
 * The C program as it is built without an initramfs: static, process 1 only. From Debian 12's source package; newer
 * releases keep that source as `ostree-prepare-root-static.c`.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { sourceFolder } from '../../scripts/pinned-sources.mjs';

/** Compiles it, in less than a second. @returns the program's path, in `folder` */
export function buildStaticPrepareRoot(folder: string): string {
  const program = path.join(folder, 'ostree-prepare-root-static');
  const source = path.join(sourceFolder('ostree'), 'src/switchroot');
  // The build system's switches: none is wanted, as it is for a system without systemd.
  fs.writeFileSync(path.join(folder, 'config.h'), '');
  const defines = ['-D_GNU_SOURCE', '-DOSTREE_PREPARE_ROOT_STATIC=1', `-I${folder}`, `-I${source}`];
  execFileSync('cc', ['-O2', '-static', ...defines, '-o', program, `${source}/ostree-prepare-root.c`]);
  return program;
}
