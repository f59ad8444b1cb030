/** The system that is changed: its sysroot, locked, with the deployment that changes start from. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { lockSysroot, type LockWait } from '#ostree/sysroot/lock.ts';
import { withLockedSysroot } from '#ostree/sysroot/locked-sysroot.ts';
import {
  closeSysroot,
  joined,
  openSysroot,
  type Sysroot,
  type SysrootOptions,
} from '#ostree/sysroot/sysroot.ts';
import { removeLeftovers } from '#layering/leftovers.ts';
import { readLayerOrigin, type LayerOrigin } from '#layering/layer-origin.ts';
import type { Progress } from '#layering/progress.ts';
import { replacements, type Replacement } from '#layering/replacements.ts';
import { layeredPackages, nameOfTree, readDerived, removedNames, requestPackages } from '#layering/status.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

/** Why the lock may not be had. */
const NO_LOCK = ['LOCKED', 'NOT_WRITABLE'];

export interface SystemChoice {
  readonly sys: RepoCalls;
  /** The sysroot's path. */
  readonly path: string;
  /** `--os`; null for the only one there is, or the booted one. */
  readonly stateroot: string | null;
  readonly options: SysrootOptions;
  /** Seconds to wait for another process; null without end. */
  readonly wait: number | null;
  readonly progress: Progress;
}

export interface System {
  readonly sysroot: Sysroot;
  /** Whether this process holds the lock, and so may write into the repository. */
  readonly isLocked: boolean;
  readonly stateroot: string;
  /** Its requests are what a change starts from: the pending deployment where there is one. */
  readonly from: Deployment;
  /** Its /etc is carried over: the booted one's, else the same. */
  readonly merge: Deployment;
  readonly origin: LayerOrigin;
  readonly baseCommit: Checksum;
  /** Name of the tree of `from`. */
  readonly treeName: string;
  /** NEVRAs of what `from` layers. */
  readonly layered: readonly string[];
  /** Names of the base packages that it leaves out. */
  readonly removed: readonly string[];
  /** The base packages that another version stands in for. */
  readonly replaced: readonly Replacement[];
  /** Which packages its requests brought. */
  readonly requestPackages: ReadonlyMap<string, readonly string[]>;
  /** Host path of the directory of `merge`. */
  readonly mergePath: string;
  /** Host path of the directory of the stateroot's /var with the history of changes. */
  readonly historyPath: string;
  /** Host path of the stateroot's cache directory of ours. */
  readonly cachePath: string;
}

/** Runs `action` on the system under the sysroot's lock; what an interrupted run left is removed first. */
export async function withSystem<T>(
  choice: SystemChoice,
  action: (system: System) => Promise<T>,
): Promise<T> {
  const how: LockWait = {
    wait: choice.wait,
    onWait: (holder) => choice.progress({ kind: 'note', text: waitText(holder) }),
    pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  };
  return await withLockedSysroot(choice, how, async (sysroot) => {
    removeLeftovers(sysroot);
    return await action(systemOf(sysroot, choice.stateroot, true));
  });
}

/**
 * Runs `action`, which changes nothing, on the system: under the lock where that can be had at once, else (another
 * process is at work, or this one may not write) with a copy of the cache that goes afterwards.
 */
export async function withSystemUnchanged<T>(
  choice: SystemChoice,
  action: (system: System) => Promise<T>,
): Promise<T> {
  passingOver(['NOT_WRITABLE'], () => makeSysrootWritable(choice.sys, choice.path));
  const opened = openSysroot(choice.sys, choice.path, choice.options);
  let lock: Fd | null = null;
  let scratch: string | null = null;
  try {
    lock = await lockSysroot(opened, { wait: 0, pause: () => Promise.resolve() }).catch((error: unknown) => {
      if (NO_LOCK.includes(codeOf(error) ?? '')) return null;
      throw error;
    });
    const system = systemOf(opened, choice.stateroot, lock !== null);
    if (lock !== null) return await action(system);
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-cache-'));
    copyCache(system.cachePath, scratch);
    return await action({ ...system, cachePath: scratch });
  } finally {
    if (scratch !== null) fs.rmSync(scratch, { recursive: true, force: true });
    if (lock !== null) choice.sys.close(lock);
    closeSysroot(opened);
  }
}

/** The stateroot that is meant. @throws UserError NO_STATEROOT where that is not clear */
export function chooseStateroot(sysroot: Sysroot, wanted: string | null): string {
  const known = [...new Set(sysroot.deployments.map(({ stateroot }) => stateroot))];
  if (wanted !== null) {
    if (known.includes(wanted)) return wanted;
    throw new UserError('NO_STATEROOT', `no deployment of stateroot '${wanted}' in ${sysroot.path}`, {
      hint: known.length > 0 ? `there are deployments of: ${known.join(', ')}` : 'nothing is deployed there',
    });
  }
  if (sysroot.booted !== null) return sysroot.booted.stateroot;
  const [only] = known;
  if (only === undefined)
    throw new UserError('NO_DEPLOYMENT', `nothing is deployed in ${sysroot.path}`, {
      hint: "'ostree admin deploy' deploys a first tree",
    });
  if (known.length > 1)
    throw new UserError('NO_STATEROOT', `${sysroot.path} has several systems: ${known.join(', ')}`, {
      hint: '--os NAME says which one',
    });
  return only;
}

/** Host path of the directory of a stateroot's /var that holds the history of changes and what is known of updates. */
export function statePath({ booted, path: sysrootPath }: Sysroot, stateroot: string): string {
  if (booted?.stateroot === stateroot) return '/var/lib/yum-ostree';
  return joined(sysrootPath, `ostree/deploy/${stateroot}/var/lib/yum-ostree`);
}

function systemOf(sysroot: Sysroot, wanted: string | null, isLocked: boolean): System {
  const stateroot = chooseStateroot(sysroot, wanted);
  const from = sysroot.deployments.find((deployment) => deployment.stateroot === stateroot);
  if (from === undefined) throw new UserError('NO_DEPLOYMENT', `nothing of '${stateroot}' is deployed`);
  const isBooted = sysroot.booted?.stateroot === stateroot;
  const merge = isBooted && sysroot.booted !== null ? sysroot.booted : from;
  const cache = isBooted ? 'var/cache/yum-ostree' : `ostree/deploy/${stateroot}/var/cache/yum-ostree`;
  const origin = readLayerOrigin(from.origin);
  const commit = loadCommit(sysroot.repo, from.checksum);
  const derived = readDerived(commit);
  return {
    sysroot,
    isLocked,
    stateroot,
    from,
    merge,
    origin,
    baseCommit: derived?.baseCommit ?? from.checksum,
    treeName: derived?.treeName ?? nameOfTree(origin.base, commit),
    layered: layeredPackages(sysroot.repo, commit),
    removed: removedNames(commit),
    replaced: replacements(commit),
    requestPackages: requestPackages(commit),
    mergePath: joined(sysroot.path, deploymentPath(merge)),
    historyPath: statePath(sysroot, stateroot),
    cachePath: isBooted ? `/${cache}` : joined(sysroot.path, cache),
  };
}

function passingOver(codes: readonly string[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  }
}

/** The metadata, not the downloaded packages. What cannot be read is fetched again. */
function copyCache(from: string, to: string): void {
  try {
    fs.cpSync(from, to, {
      recursive: true,
      preserveTimestamps: true,
      mode: fs.constants.COPYFILE_FICLONE,
      filter: (source) => source !== path.join(from, 'packages'),
    });
  } catch {
    fs.rmSync(to, { recursive: true, force: true });
    fs.mkdirSync(to, { mode: 0o700 });
  }
}

function waitText(holder: number | null): string {
  const who = holder === null ? 'another process' : `process ${holder}`;
  return `Waiting for ${who}, which is changing this system`;
}
