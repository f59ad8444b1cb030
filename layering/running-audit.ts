/** `audit`: what a reboot and what restarts of services would change, decided on what was read. Pure. */
import { interruptedTrees, type ChangedUnit, type RestartResult } from '#layering/live-record.ts';
import { isOfUnit } from '#layering/live-units.ts';
import { BUSES, lostByRestart } from '#layering/restart-care.ts';
import { isEmptyDiff, type PackageDiff } from '#layering/package-diff.ts';
import type { RunningFile, RunningProcess, RunningReport } from '#layering/running.ts';

/** Bits of `audit`'s exit code beside `FOUND`; a code below 8 says that it did not get that far. */
export const AUDIT_BIT = { restart: 1, reboot: 2, modified: 4 } as const;
const FOUND = 8;

/** What makes a unit run the files that are there now. */
export type RestartBy =
  /** `systemctl restart UNIT` */
  | 'restart'
  /** `systemctl --user -M UID@ restart UNIT` */
  | 'user-restart'
  /** `systemctl daemon-reexec` */
  | 'reexec'
  /** Ending the session, or the program in it. */
  | 'log-out'
  /** The message bus is not to be restarted under its users. */
  | 'reboot';

export interface NeededRestart {
  /** null for processes in no unit. */
  readonly unit: string | null;
  readonly userUnit: string | null;
  readonly by: RestartBy;
  /** What its restart would take from somebody, so that it has to be named for it; null for none. */
  readonly loses: string | null;
  readonly processes: readonly { readonly pid: number; readonly name: string; readonly uid: number }[];
  /** A line each, for people. */
  readonly reasons: readonly string[];
}

/** Two deployments, as far as a reboot from one into the other shows. */
export interface NextBoot {
  readonly from: string;
  readonly to: string;
  /** The deployment that runs boots next, too. */
  readonly isSame: boolean;
  /** null where the packages of one of them are not known. */
  readonly packages: PackageDiff | null;
  readonly isOtherKernel: boolean;
  readonly kernelArguments: { readonly added: readonly string[]; readonly removed: readonly string[] };
}

export interface Audit {
  readonly restarts: readonly NeededRestart[];
  /** What was restarted in this boot, the oldest first. */
  readonly restarted: readonly RestartResult[];
  /** null where nothing of the system runs. */
  readonly nextBoot: NextBoot | null;
  /** What of the running /usr is in no committed tree. */
  readonly modified: {
    readonly unlocked: string | null;
    /** Name of the tree that `apply-live` brought. */
    readonly applied: string | null;
    /** Names of trees that it began to bring, and was interrupted. */
    readonly interrupted: readonly string[];
    /** How many processes have such files. */
    readonly processes: number;
  };
  readonly unseen: readonly string[];
  readonly exitCode: number;
}

export function auditOf(report: RunningReport, nextBoot: NextBoot | null): Audit {
  const restarts = neededRestarts(report);
  const overlaid = report.processes.filter(({ files }) => files.some(({ state }) => state === 'overlay'));
  const modified = {
    unlocked: report.layer?.kind ?? null,
    applied: report.applied?.live?.treeName ?? null,
    interrupted:
      report.applied === null ? [] : interruptedTrees(report.applied).map(({ treeName }) => treeName),
    processes: overlaid.length,
  };
  const bits =
    (restarts.length > 0 ? AUDIT_BIT.restart : 0) |
    (nextBoot !== null && changesAtReboot(nextBoot) ? AUDIT_BIT.reboot : 0) |
    (report.layer !== null || overlaid.length > 0 ? AUDIT_BIT.modified : 0);
  const exitCode = bits === 0 ? 0 : FOUND | bits;
  return { restarts, restarted: report.restarted, nextBoot, modified, unseen: report.unseen, exitCode };
}

function changesAtReboot({ isSame, packages, isOtherKernel, kernelArguments, from, to }: NextBoot): boolean {
  if (isSame) return false;
  const isOtherList = packages === null ? from !== to : !isEmptyDiff(packages);
  return (
    isOtherList ||
    isOtherKernel ||
    from !== to ||
    kernelArguments.added.length + kernelArguments.removed.length > 0
  );
}

/** By unit, in the order of their first process. */
export function neededRestarts({
  processes,
  applied,
  care,
}: Pick<RunningReport, 'processes' | 'applied' | 'care'>): NeededRestart[] {
  const changedUnits = applied?.changedUnits ?? [];
  const groups = new Map<string, RunningProcess[]>();
  for (const one of processes) {
    if (!one.files.some(isOutdated) && unitReasons([one], changedUnits).length === 0) continue;
    const key = one.unit === null ? `pid ${one.pid}` : `${one.unit}/${one.userUnit ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const [{ unit = null, userUnit = null } = {}] = group;
    return {
      unit,
      userUnit,
      by: restartBy(unit, userUnit),
      loses: lostByRestart({ unit, userUnit }, care),
      processes: group.map(({ pid, name, uid }) => ({ pid, name, uid })),
      reasons: [
        ...reasonsOf(group.flatMap(({ files }) => files.filter(isOutdated))),
        ...unitReasons(group, changedUnits),
      ],
    };
  });
}

/** A unit was started before its file was changed. */
function unitReasons(group: readonly RunningProcess[], changed: readonly ChangedUnit[]): string[] {
  const files = changed.filter(({ unit, uptime }) =>
    group.some(
      (one) =>
        one.unit !== null &&
        one.userUnit === null &&
        isOfUnit(one.unit, unit) &&
        one.startedAt !== null &&
        one.startedAt < uptime,
    ),
  );
  return [...new Set(files.map(({ path }) => `its unit file ${path} was changed`))];
}

export function isOutdated({ state }: Pick<RunningFile, 'state'>): boolean {
  return state === 'deleted' || state === 'older-tree';
}

function restartBy(unit: string | null, userUnit: string | null): RestartBy {
  if (unit === 'init.scope') return 'reexec';
  if (unit === null) return 'log-out';
  if (userUnit !== null)
    return userUnit.endsWith('.service') && !BUSES.includes(userUnit) ? 'user-restart' : 'log-out';
  if (BUSES.includes(unit)) return 'reboot';
  return /^user@[0-9]+\.service$/.test(unit) || !unit.endsWith('.service') ? 'log-out' : 'restart';
}

/** One line a package (or, of files that no package owns, one for all): its first file, code before data. */
function reasonsOf(files: readonly RunningFile[]): string[] {
  const sorted = [
    ...files.filter(({ isExecutable }) => isExecutable),
    ...files.filter((one) => !one.isExecutable),
  ];
  const groups = new Map<string, RunningFile[]>();
  for (const file of sorted) {
    const key = [file.state, file.tree ?? '', ...file.packages].join(' ');
    const group = groups.get(key) ?? [];
    if (!group.some(({ path }) => path === file.path)) groups.set(key, [...group, file]);
  }
  return [...groups.values()].flatMap((group) => reasonOf(group) ?? []);
}

function reasonOf(group: readonly RunningFile[]): string | null {
  const [first] = group;
  if (first === undefined) return null;
  const more = group.length === 1 ? '' : ` and ${group.length - 1} more`;
  const owner = first.packages.length === 0 ? '' : ` of ${first.packages.join(', ')}`;
  return `${first.path}${more}${owner} ${whatHappened(first)}`;
}

function whatHappened({ state, tree, replacedBy }: RunningFile): string {
  if (state === 'older-tree') return `${tree === null ? 'is from a tree that is gone' : `is from ${tree}`}`;
  return replacedBy.length === 0
    ? 'was removed or replaced'
    : `was replaced by that of ${replacedBy.join(', ')}`;
}
