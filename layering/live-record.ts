/** What `apply-live` did and which services were restarted: files beside ostree's own record of the boot, gone with it. */
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';
import type { RestartBy } from '#layering/running-audit.ts';

export interface LiveTree {
  readonly commit: Checksum;
  readonly treeName: string;
}

/** A unit whose file, or a drop-in of it, is another one now. */
export interface ChangedUnit {
  /** `x@.service` stands for all of its instances. */
  readonly unit: string;
  /** Absolute. */
  readonly path: string;
  /** Seconds since the machine started. */
  readonly uptime: number;
}

export interface LiveRecord {
  /** What runs; null where that is the tree that was booted. */
  readonly live: LiveTree | null;
  /** Of an application that has begun and not ended. */
  readonly inProgress: LiveTree | null;
  /** Of earlier ones that did not end either: what they brought may be there still. */
  readonly begun: readonly LiveTree[];
  /** Seconds since the epoch, of the last end or beginning. */
  readonly time: number;
  /** What it has beside the tree that was booted: NEVRAs. */
  readonly packages: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    /** `OLD -> NEW`. */
    readonly replaced: readonly string[];
  };
  readonly changedUnits: readonly ChangedUnit[];
  /** Files of /etc that have local changes and were left as they are. */
  readonly kept: readonly string[];
  /** What somebody had removed, whether a tree since has it or not. */
  readonly gone: readonly string[];
  /** Programs that failed afterwards, for people. */
  readonly failures: readonly string[];
}

export interface RestartResult {
  readonly unit: string;
  readonly userUnit: string | null;
  readonly by: RestartBy;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly reasons: readonly string[];
  /** What systemctl said; null where all is well. */
  readonly failure: string | null;
}

/** Where nothing was applied yet. */
export const NO_RECORD: LiveRecord = {
  ...{ live: null, inProgress: null, begun: [], time: 0, changedUnits: [], kept: [], gone: [], failures: [] },
  packages: { added: [], removed: [], replaced: [] },
};
/** Of rpm-ostree. */
const THEIRS = 'rpmostree-is-live.stamp';
const LIVE = 'yum-ostree-live.json';
const RESTARTS = 'yum-ostree-restarts.json';
const MOST_RESTARTS = 200;

/** null where nothing was applied, and for a file that is none of ours. */
export function readLiveRecord(sys: Syscalls, booted: Deployment): LiveRecord | null {
  const found = readJson(sys, statePath(booted, LIVE)) as Partial<LiveRecord> | null;
  if (found === null || typeof found !== 'object' || found.changedUnits === undefined) return null;
  const record: LiveRecord = { ...NO_RECORD, ...found };
  return liveTrees(record).every(({ commit }) => isChecksum(commit)) ? record : null;
}

/** The trees whose files may be there beside those of the one that was booted, that of the last word first. */
export function liveTrees({ live, inProgress, begun }: LiveRecord): LiveTree[] {
  const all = [...(live === null ? [] : [live]), ...interruptedTrees({ inProgress, begun })];
  return all.filter(({ commit }, at) => all.findIndex((one) => one.commit === commit) === at);
}

/** Those of them that were begun with and not ended. */
export function interruptedTrees({
  inProgress,
  begun,
}: Pick<LiveRecord, 'inProgress' | 'begun'>): LiveTree[] {
  return inProgress === null ? [] : [inProgress, ...begun];
}

/** The commits that what was applied to the deployment that runs is told by; none where nothing was. */
export function liveCommits(sys: Syscalls, deployments: readonly Deployment[]): Checksum[] {
  const booted = deployments.find(({ isBooted }) => isBooted);
  const record = booted === undefined ? null : readLiveRecord(sys, booted);
  return record === null ? [] : liveTrees(record).map(({ commit }) => commit);
}

/** One rename, in memory: a crash of this process leaves the old record or the new one. */
export function writeLiveRecord(sys: Syscalls, booted: Deployment, record: LiveRecord): void {
  write(sys, statePath(booted, LIVE), record);
}

/** rpm-ostree has applied something to the deployment that runs, and knows what. */
export function isAppliedByOther(sys: Syscalls, booted: Deployment): boolean {
  return sys.lstat(AT_FDCWD, statePath(booted, THEIRS)) !== null;
}

/** The oldest first. */
export function readRestarts(sys: Syscalls, booted: Deployment): readonly RestartResult[] {
  const found = readJson(sys, statePath(booted, RESTARTS));
  return Array.isArray(found) ? (found as RestartResult[]) : [];
}

export function addRestarts(sys: Syscalls, booted: Deployment, results: readonly RestartResult[]): void {
  if (results.length === 0) return;
  const all = [...readRestarts(sys, booted), ...results].slice(-MOST_RESTARTS);
  write(sys, statePath(booted, RESTARTS), all);
}

function statePath(booted: Deployment, name: string): string {
  return `/run/ostree/deployment-state/${deploymentName(booted)}/${name}`;
}

function write(sys: Syscalls, path: string, value: object): void {
  makeDirectories(sys, AT_FDCWD, path.slice(0, path.lastIndexOf('/')));
  replaceFile(sys, AT_FDCWD, { path, text: `${JSON.stringify(value)}\n` });
}

function readJson(sys: Syscalls, path: string): unknown {
  try {
    const text = sys.readText(AT_FDCWD, path);
    return text === null ? null : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'EACCES') return null;
    throw error;
  }
}
