/** What `apply-live` left about itself, in /run: as long as the layer over /usr lives, and no longer. */
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

export interface LiveFile {
  /** Absolute. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** NEVRAs of the owners in the tree that was applied. */
  readonly packages: readonly string[];
}

export interface LiveRecord {
  readonly version: 1;
  /** Of the tree that was applied. */
  readonly commit: string;
  readonly treeName: string;
  /** Seconds since the epoch. */
  readonly time: number;
  /** It was interrupted: some of the files may not be there. */
  readonly isUnfinished: boolean;
  /** NEVRAs. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Below /usr. */
  readonly files: readonly LiveFile[];
  /** Below /etc; they stay when the layer goes. */
  readonly etc: readonly LiveFile[];
  readonly restarts: readonly LiveRestart[];
}

export interface LiveRestart {
  readonly unit: string;
  /** Seconds since the epoch. */
  readonly time: number;
  /** null where it was restarted. */
  readonly failure: string | null;
}

const STATE = '/run/ostree/deployment-state';

export function livePath(deployment: Pick<Deployment, 'checksum' | 'deployserial'>): string {
  return `${STATE}/${deploymentName(deployment)}/yum-ostree-live.json`;
}

/** null where nothing was applied, and for a deployment that does not run. @throws UserError BAD_LIVE_RECORD */
export function readLive(
  sys: Pick<Syscalls, 'readText'>,
  deployment: Pick<Deployment, 'checksum' | 'deployserial' | 'isBooted'>,
): LiveRecord | null {
  if (!deployment.isBooted) return null;
  const file = livePath(deployment);
  const text = sys.readText(AT_FDCWD, file);
  return text === null ? null : parseLive(text, file);
}

/** A crash leaves the record before it or this one. */
export function writeLive(sys: Syscalls, deployment: Deployment, record: LiveRecord): void {
  const file = livePath(deployment);
  makeDirectories(sys, AT_FDCWD, file.slice(0, file.lastIndexOf('/')));
  replaceFile(sys, AT_FDCWD, { path: file, text: `${JSON.stringify(record)}\n` });
}

function parseLive(text: string, file: string): LiveRecord {
  let value: Partial<LiveRecord> | null = null;
  try {
    value = JSON.parse(text) as Partial<LiveRecord> | null;
  } catch {
    // Told below.
  }
  const lists = [value?.files, value?.etc, value?.added, value?.removed, value?.restarts];
  if (value?.version !== 1 || typeof value.commit !== 'string' || !lists.every(Array.isArray))
    throw new UserError('BAD_LIVE_RECORD', `${file} cannot be read`, {
      hint: 'what was applied live is not known: boot the system anew',
    });
  return value as LiveRecord;
}
