/** Which deployment the machine runs: from what prepare-root left in `/run/ostree-booted`. */
import { AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { parse, type VariantDict } from '#ostree/format/gvariant.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';

const BOOTED_FILE = '/run/ostree-booted';
/** Of a soft reboot that was prepared. */
export const NEXT_BOOTED_FILE = '/run/ostree/nextroot-booted';

/** Whether the machine was booted through ostree. */
export function isOstreeBoot(sys: Syscalls): boolean {
  return sys.lstat(AT_FDCWD, BOOTED_FILE) !== null;
}

/** Whether `root` is the machine's own sysroot and it was booted through ostree. */
export function isBootedSysroot(sys: Syscalls, root: Fd): boolean {
  if (!isOstreeBoot(sys)) return false;
  const here = sys.fstat(root);
  return ['/', '/sysroot'].some((path) => {
    const stat = sys.stat(AT_FDCWD, path);
    return stat !== null && stat.dev === here.dev && stat.ino === here.ino;
  });
}

/** The deployment that runs. @throws UserError NOT_BOOTED */
export function requireBooted({ booted }: { readonly booted: Deployment | null }): Deployment {
  if (booted !== null) return booted;
  throw new UserError('NOT_BOOTED', 'Not currently booted into an OSTree system');
}

/** @throws UserError BAD_SYSROOT where none of the deployments is the running one */
export function findBooted(sys: Syscalls, root: Fd, deployments: readonly Deployment[]): Deployment {
  const found = bootedAmong(sys, root, deployments);
  if (found === undefined)
    throw new UserError(
      'BAD_SYSROOT',
      `Unexpected state: ${BOOTED_FILE} found and in / sysroot, but bootloader entry not found`,
    );
  return found;
}

/** Which deployment a soft reboot was prepared for; null for none. */
export function findSoftRebootTarget(
  sys: Syscalls,
  root: Fd,
  deployments: readonly Deployment[],
): Deployment | null {
  const record = readRecord(sys, NEXT_BOOTED_FILE);
  return record.length === 0 ? null : (deploymentOf(sys, root, { record, deployments }) ?? null);
}

/** In the root that was prepared: what it says of itself is now true. Nothing was prepared: nothing to do. */
export function completeSoftReboot(sys: Syscalls): void {
  // Both are in memory: there is nothing to sync.
  if (sys.lstat(AT_FDCWD, NEXT_BOOTED_FILE) !== null)
    sys.rename(AT_FDCWD, NEXT_BOOTED_FILE, AT_FDCWD, BOOTED_FILE);
}

/** The running one of some deployments of the machine's own sysroot. */
export function bootedAmong<T extends Place>(
  sys: Syscalls,
  root: Fd,
  deployments: readonly T[],
): T | undefined {
  return deploymentOf(sys, root, { record: readRecord(sys, BOOTED_FILE), deployments });
}

type Place = Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>;

interface Search<T extends Place> {
  readonly record: Uint8Array;
  readonly deployments: readonly T[];
}

function deploymentOf<T extends Place>(
  sys: Syscalls,
  root: Fd,
  { record, deployments }: Search<T>,
): T | undefined {
  const [dev, ino] = inodeIn(sys, record);
  return deployments.find((deployment) => {
    const stat = sys.lstat(root, deploymentPath(deployment));
    return stat !== null && stat.dev === dev && stat.ino === ino;
  });
}

function inodeIn(sys: Syscalls, bytes: Uint8Array): readonly [dev: number, ino: number] {
  const dict = bytes.length === 0 ? [] : (parse('a{sv}', bytes) as unknown as VariantDict);
  const pair = lookupVariant(dict, 'backing-root-device-inode', '(tt)') as [bigint, bigint] | undefined;
  if (pair !== undefined) return [Number(pair[0]), Number(pair[1])];
  const stat = sys.stat(AT_FDCWD, '/');
  return [stat?.dev ?? 0, stat?.ino ?? 0];
}

function readRecord(sys: Syscalls, file: string): Uint8Array {
  try {
    return sys.readFile(AT_FDCWD, file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Uint8Array(0);
    throw error;
  }
}
