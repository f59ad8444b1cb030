import path from 'node:path';
import { runInMountNamespace } from './mount-namespace.ts';

/** The project's folder; it is seen at the same path inside the scratch initramfs. */
export const PROJECT = path.resolve(import.meta.dirname, '../..');

/** Our prepare-root from source, as it is run inside the scratch initramfs. */
export const UNDER_NODE: readonly string[] = ['/node', '/ostree-prepare-root'];

/** A small root like an initramfs, in a mount namespace of its own, in which programs are run one after the other. */
export interface ScratchRequest {
  /** The folder that becomes `/sysroot`. */
  readonly sysroot: string;
  /** Becomes the content of `/proc/cmdline`. */
  readonly cmdline: string;
  /** The `/usr` of the initramfs (default: the machine's); the prepare-root.conf that it has is not seen. */
  readonly usr?: string;
  /** More files of the initramfs, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether all mounts are shared beforehand, as systemd makes them (default), or private. */
  readonly shared?: boolean;
  /** Flags of the mount of `sysroot` (`MS`), 0 by default. */
  readonly sysrootFlags?: number;
  /** Where `sysroot` is mounted instead of `/sysroot`. */
  readonly mountPoint?: string;
  /** Programs with their arguments. */
  readonly runs: readonly (readonly string[])[];
  /** Then, if the last of them succeeded: switch root to `/sysroot`, mount what the generated units say, run this. */
  readonly enter?: readonly string[];
}

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScratchResult {
  readonly runs: readonly ProgramResult[];
  /** `/proc/self/mountinfo` after the last run, as seen in the initramfs. */
  readonly mountinfo: string;
  /** `/run/ostree-booted` as hex digits; null where it is not there. */
  readonly booted: string | null;
  /** Type and mode, path, and where it leads, of everything under `/run`, and `/sysroot.tmp` if it was left. */
  readonly leftovers: readonly string[];
  readonly entered: ProgramResult | null;
}

/** Needs root. Nothing outside the mount namespace changes except what the programs write below `sysroot`. */
export function runInScratch(request: ScratchRequest): ScratchResult {
  const done = runInMountNamespace('scratch-initramfs-child.ts', request, 280_000);
  if (done.status !== 0) throw new Error(`scratch initramfs: ${done.stderr}`);
  // The generator, which runs in the same process, may have printed before.
  return JSON.parse(done.stdout.slice(done.stdout.lastIndexOf('\n') + 1)) as ScratchResult;
}
