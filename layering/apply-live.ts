/** The story of `apply-live`: the tree that boots next, brought into the /usr and /etc that run. */
import { setImmediate } from 'node:timers/promises';
import { AT_FDCWD, CLONE_NEWNS, MS, ST_RDONLY, type Fd, type Syscalls } from '#native/syscalls.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { requireFreeSpace } from '#ostree/repo/free-space.ts';
import { inMountNamespace } from '#ostree/sysroot/mount-namespace.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockDeployment, unlockedOf } from '#ostree/sysroot/unlock.ts';
import { bootedTree, readLiveChange, type LiveChange, type LiveRequest } from '#layering/live-change.ts';
import { packageDiff, recordedPackages } from '#layering/live-owners.ts';
import type { LivePlan, LiveStep } from '#layering/live-plan.ts';
import {
  interruptedTrees,
  NO_RECORD,
  writeLiveRecord,
  type ChangedUnit,
  type LiveRecord,
  type LiveTree,
} from '#layering/live-record.ts';
import { keepLiveCommits } from '#layering/live-refs.ts';
import { changedUnitFiles, settleCommands } from '#layering/live-units.ts';
import { writeLive } from '#layering/live-write.ts';
import type { Progress } from '#layering/progress.ts';
import { runCommand } from '#layering/run-command.ts';
import { withSystem, withSystemUnchanged, type SystemChoice } from '#layering/system.ts';

export interface LiveWish extends LiveRequest {
  readonly dryRun: boolean;
  /** The machine's mount namespace, opened before this process went into one of its own. */
  readonly machine: Fd;
  readonly signal: AbortSignal;
}

export interface LiveOutcome extends Pick<LiveChange, 'from' | 'to' | 'usr' | 'etc'> {
  readonly kind: 'applied' | 'planned' | 'unchanged';
  /** NEVRAs of what came, went and was replaced. */
  readonly packages: LiveRecord['packages'];
  /** Programs that failed afterwards, for people. */
  readonly failures: readonly string[];
}

/** After an interruption. */
export const HOW_ON =
  "'yum-ostree apply-live' goes on, and --reset takes it back; the next boot is as before";
/** Between two looks at the signal. */
const STEPS_AT_ONCE = 32;

/**
 * What is in use is never written into: new files take the place of old ones, in the writable layer over /usr (a transient
 * one is made where there is none) and in /etc where nothing was changed locally. A crash, a signal or an error half way
 * leaves a record of it in /run; the next run, to the same tree or to another, goes on from there. Afterwards this process
 * is in the machine's mount namespace.
 * @throws UserError NOT_BOOTED, NO_DEPLOYMENT, LIVE_OTHER, LIVE_REPLACES, LIVE_CHANGED, LIVE_NO_LAYER, LIVE_INTERRUPTED
 */
export function applyLive(choice: SystemChoice, wish: LiveWish): Promise<LiveOutcome> {
  const { progress } = choice;
  return wish.dryRun
    ? withSystemUnchanged(choice, ({ sysroot }) =>
        Promise.resolve(outcomeOf(readLiveChange(sysroot, wish), 'planned')),
      )
    : withSystem(choice, ({ sysroot }) => apply(sysroot, wish, progress));
}

function outcomeOf(change: LiveChange, kind: LiveOutcome['kind']): LiveOutcome {
  const { from, to, usr, etc, missing } = change;
  const isUnchanged = from.commit === to.commit && (change.record?.inProgress ?? null) === null;
  return {
    ...{ from, to, usr, etc, failures: missing },
    kind: isUnchanged ? 'unchanged' : kind,
    packages: recordedPackages(change.packages),
  };
}

async function apply(sysroot: Sysroot, wish: LiveWish, progress: Progress): Promise<LiveOutcome> {
  const change = readLiveChange(sysroot, wish);
  const outcome = outcomeOf(change, 'applied');
  if (outcome.kind === 'unchanged') return outcome;
  const { booted, from, to } = change;
  progress({ kind: 'stage', stage: 'deploy', text: `Applying ${to.treeName} to what runs` });
  requireFreeSpace(sysroot.repo, bytesOf(sysroot, change));
  const before = change.record ?? NO_RECORD;
  const begun = interruptedTrees(before).filter(({ commit }) => commit !== to.commit);
  keepLiveCommits(
    sysroot.repo,
    [from, to, ...begun].map(({ commit }) => commit),
  );
  if (unlockedOf(sysroot, booted) === null) unlockDeployment(sysroot, 'transient', wish.machine);
  requireLayer(sysroot.sys, wish.machine);
  const { time, changedUnits, gone } = recordOf(sysroot, change);
  writeLiveRecord(sysroot.sys, booted, { ...before, inProgress: to, begun, time, changedUnits, gone });
  await carryOut(sysroot, change, { ...wish, progress }).catch((error: unknown) => {
    throw wish.signal.aborted ? error : halfDone(to, error);
  });
  // Who starts from here on starts with the new files.
  const done = recordOf(sysroot, change);
  const failures = [...change.missing, ...(await settle(sysroot, change, wish))];
  const live = to.commit === booted.checksum ? null : to;
  const { kept, gone: removed } = live === null ? NO_RECORD : done;
  writeLiveRecord(sysroot.sys, booted, { ...done, live, kept, gone: removed, failures });
  keepLiveCommits(sysroot.repo, live === null ? [] : [live.commit]);
  return { ...outcome, failures };
}

function bytesOf({ repo }: Sysroot, { usr, etc }: LiveChange): number {
  return [...usr.steps, ...etc.steps].reduce(
    (sum, step) => sum + (step.op === 'file' ? loadContent(repo, step.checksum).size : 0),
    0,
  );
}

/** As it is when all is done. */
function recordOf(sysroot: Sysroot, change: LiveChange): LiveRecord {
  const { booted, to, usr, etc, record } = change;
  const uptime = uptimeOf(sysroot.sys);
  const changed = [usr, etc].flatMap(changedUnitFiles).map((one): ChangedUnit => ({ ...one, uptime }));
  const started: LiveTree = bootedTree(sysroot, booted);
  return {
    live: to,
    inProgress: null,
    begun: [],
    time: sysroot.sys.now(),
    packages: recordedPackages(packageDiff(sysroot, started.commit, to.commit)),
    changedUnits: [...(record?.changedUnits ?? []), ...changed],
    kept: etc.others,
    gone: goneAfter(record, [usr, etc]),
    failures: [],
  };
}

/** What somebody had removed and is not brought back. */
function goneAfter(record: LiveRecord | null, plans: readonly LivePlan[]): string[] {
  const back = new Set(plans.flatMap(({ added }) => added));
  const before = (record?.gone ?? []).filter((path) => !back.has(path));
  return [...new Set([...before, ...plans.flatMap(({ gone }) => gone)])];
}

function halfDone(to: LiveTree, cause: unknown): UserError {
  const message = `what runs is half changed to ${to.treeName}: ${messageOf(cause)}`;
  return new UserError('LIVE_INTERRUPTED', message, { hint: HOW_ON, cause });
}

/** Seconds since the machine started. */
function uptimeOf(sys: Syscalls): number {
  return Number((sys.readText(AT_FDCWD, '/proc/uptime') ?? '0').split(' ')[0]);
}

async function carryOut(
  { sys, repo }: Sysroot,
  { usr, etc }: LiveChange,
  { machine, signal, progress }: LiveWish & { readonly progress: Progress },
): Promise<void> {
  enterWritableUsr(sys, machine);
  const root = sys.open(AT_FDCWD, '/', ['read', 'directory']);
  try {
    const steps: readonly LiveStep[] = [...usr.steps, ...etc.steps];
    for (const [at, step] of steps.entries()) {
      if (at % STEPS_AT_ONCE === 0) {
        await setImmediate();
        signal.throwIfAborted();
        progress({ kind: 'amount', stage: 'deploy', unit: 'items', done: at, total: steps.length });
      }
      writeLive(repo, root, step);
    }
    syncEtc(sys, root);
  } finally {
    sys.close(root);
    sys.setns(machine, CLONE_NEWNS);
  }
}

/** Without one the deployment itself would be written to. @throws UserError LIVE_NO_LAYER */
function requireLayer(sys: Syscalls, machine: Fd): void {
  inMountNamespace(sys, machine, () => {
    const usr = sys.open(AT_FDCWD, '/usr', ['read', 'directory']);
    try {
      if (sys.statfs(usr).type === OVERLAY) return;
    } finally {
      sys.close(usr);
    }
    throw new UserError('LIVE_NO_LAYER', '/usr is noted as unlocked, but has no writable layer over it', {
      hint: 'something unmounted it, or stopped the unlocking half way: reboot',
    });
  });
}

/** OVERLAYFS_SUPER_MAGIC. */
const OVERLAY = 0x794c7630;

/** /usr as the machine has it, but writable for this process alone. */
function enterWritableUsr(sys: Syscalls, machine: Fd): void {
  sys.setns(machine, CLONE_NEWNS);
  sys.unshare(CLONE_NEWNS);
  sys.mount(null, '/', null, MS.REC | MS.PRIVATE, null);
  const usr = sys.open(AT_FDCWD, '/usr', ['read', 'directory']);
  const isReadOnly = (sys.statfs(usr).flags & ST_RDONLY) !== 0;
  sys.close(usr);
  if (isReadOnly) sys.mount(null, '/usr', null, MS.REMOUNT | MS.SILENT, null);
}

/** What is in /usr goes with the boot, what is in /etc stays. */
function syncEtc(sys: Syscalls, root: Fd): void {
  const etc = sys.open(root, 'etc', ['read', 'directory']);
  try {
    sys.syncfs(etc);
  } finally {
    sys.close(etc);
  }
}

async function settle(
  { sys }: Sysroot,
  { usr, etc, record }: LiveChange,
  { signal }: LiveWish,
): Promise<string[]> {
  const hasSystemd = sys.lstat(AT_FDCWD, '/run/systemd/system') !== null;
  const failures: string[] = [];
  const changed = joinedPlan(usr, etc, (record?.inProgress ?? null) !== null);
  for (const command of settleCommands(changed, hasSystemd)) {
    const failure = await runCommand(command, signal);
    if (failure !== null) failures.push(failure);
  }
  signal.throwIfAborted();
  return failures;
}

/** @param goesOn what an interrupted run brought counts, too: nothing has read it yet */
function joinedPlan(
  usr: LivePlan,
  etc: LivePlan,
  goesOn: boolean,
): Pick<LivePlan, 'added' | 'replaced' | 'removed'> {
  return {
    added: [...usr.added, ...etc.added, ...(goesOn ? [...usr.present, ...etc.present] : [])],
    replaced: [...usr.replaced, ...etc.replaced],
    removed: [...usr.removed, ...etc.removed],
  };
}
