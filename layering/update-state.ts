/** What the last look for updates found: a file of the stateroot's /var, which `status` shows. */
import fs from 'node:fs';
import path from 'node:path';
import type { Advisory } from '#layering/updateinfo.ts';
import type { PackageDiff } from '#layering/package-diff.ts';
import type { UpdatePolicy } from '#layering/update-policy.ts';

/** What an upgrade would bring. */
export interface AvailableUpdate {
  readonly osname: string;
  /** Of the deployment that it was compared with. */
  readonly from: string;
  /** The commit of that deployment's base. */
  readonly baseFrom: string;
  /** The base's refspec and its newest commit. */
  readonly origin: string;
  readonly checksum: string;
  readonly version: string | null;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** Whether the base is newer; else only layered packages are. */
  readonly refHasNewCommit: boolean;
  /** null where the new base does not list its packages. */
  readonly base: PackageDiff | null;
  readonly layered: PackageDiff;
  readonly advisories: readonly Advisory[];
}

export interface UpdateState {
  /** Seconds since the epoch. */
  readonly time: number;
  /** null where it was asked for by hand. */
  readonly policy: UpdatePolicy | null;
  readonly result: 'none' | 'available' | 'staged' | 'failed';
  /** What went wrong. */
  readonly error: string | null;
  readonly update: AvailableUpdate | null;
}

const FILE = 'update.json';

/** null where none is recorded, or what is there cannot be read. */
export function readUpdateState(directory: string): UpdateState | null {
  try {
    const state = JSON.parse(fs.readFileSync(path.join(directory, FILE), 'utf8')) as UpdateState;
    return typeof state.time === 'number' && typeof state.result === 'string' ? state : null;
  } catch {
    return null;
  }
}

/** New file, sync, rename: a crash leaves the old or the new one. */
export function writeUpdateState(directory: string, state: UpdateState): void {
  fs.mkdirSync(directory, { recursive: true });
  const file = path.join(directory, FILE);
  fs.writeFileSync(`${file}.new`, `${JSON.stringify(state)}\n`, { mode: 0o644, flush: true });
  fs.renameSync(`${file}.new`, file);
}
