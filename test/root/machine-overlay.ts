import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runInMountNamespace } from './mount-namespace.ts';
import { PROJECT, type ProgramResult } from './scratch-initramfs.ts';

/** Programs of the machine, run on an overlay of its root in which our files are installed: the machine stays as it is. */
export interface MachineRequest {
  /** The root of another machine, which stays as it is too: a folder with a whole system. */
  readonly machine?: string | undefined;
  /** Trees that are copied over the root, in this order. */
  readonly trees: readonly string[];
  /** More files, by absolute path; '' as content with a path that ends in '/' makes a directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folders of the machine that are seen elsewhere: the place in the overlay → the folder. */
  readonly binds?: Readonly<Record<string, string>>;
  /** What is not there, as if it were not installed; the configuration of ostree-prepare-root never is. */
  readonly without?: readonly string[];
  /** A script for bash. */
  readonly script: string;
}

/** Needs root. What the script leaves in a folder of `binds` stays. */
export function runOnMachine(request: MachineRequest): ProgramResult {
  return runInMountNamespace('machine-overlay-child.ts', request, 240_000);
}

/** What `npm run install:boot` installs, in a new folder below `parent`. */
export function installedTree(parent: string, ...options: readonly string[]): string {
  const destdir = path.join(parent, 'installed');
  const done = spawnSync(
    process.execPath,
    [path.join(PROJECT, 'scripts/install.mjs'), '--destdir', destdir, ...options],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`install.mjs: ${done.stderr}`);
  return destdir;
}
