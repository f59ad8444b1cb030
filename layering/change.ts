/**
 * The install story: requests → solve → download → import → compose → commit → deploy → next boot. Everything before
 * the last step leaves the system as it was, whatever stops it.
 */
import { hasFailed } from '#bootloader/fallback-failed.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { messageOf } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { chooseBase, type BaseOptions } from '#layering/base-choice.ts';
import { baseChange, type BaseChange } from '#layering/base-change.ts';
import { composeChange } from '#layering/change-compose.ts';
import { withFacts, type BaseFacts } from '#layering/change-facts.ts';
import { keepWaitingFiles } from '#layering/change-packages.ts';
import { solveChange, type ReadySolve, type SolvedChange, type SolveChoice } from '#layering/change-solve.ts';
import { refuseProvided, requestedOrigin, resolvingCommand } from '#layering/change-words.ts';
import { deployChange } from '#layering/deploy-change.ts';
import { asksForBaseTree, type LayerOrigin } from '#layering/layer-origin.ts';
import { asksAgain, type InitramfsChange, type InitramfsRequest } from '#layering/initramfs-request.ts';
import { inputDigest } from '#layering/layer-metadata.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import type { CommandLine } from '#layering/problem-commands.ts';
import type { RpmFile } from '#layering/rpm-file.ts';
import { sameRequests, withoutRequests, type RequestKind } from '#layering/plan.ts';
import type { ScriptRecord } from '#layering/script-record.ts';
import { emptyPlan, planOf, restored } from '#layering/change-plan.ts';
import { readDerived } from '#layering/status.ts';
import { withSystem, withSystemUnchanged, type System, type SystemChoice } from '#layering/system.ts';
import { formatTreeName, NO_ITEMS } from '#layering/tree-name.ts';

/** What a command asks for; words as they were typed. */
export interface ChangeWords {
  readonly install: readonly string[];
  readonly uninstall: readonly string[];
  readonly remove: readonly string[];
  /** Package files, addresses and specs of what shall stand in for base packages. */
  readonly replace: readonly string[];
  /** null: all overrides are taken back. */
  readonly reset: readonly string[] | null;
  /** All requests of these kinds go, before anything else. */
  readonly clear: readonly RequestKind[];
}

export interface ChangeOptions extends SolveChoice, BaseOptions {
  readonly words: ChangeWords;
  /** The repository that `words.replace` is looked up in; null: any. */
  readonly replaceFrom: string | null;
  /** What `words.replace` selects there now stays, also where newer versions come. */
  readonly replaceFrozen: boolean;
  readonly dryRun: boolean;
  readonly downloadOnly: boolean;
  readonly idempotent: boolean;
  readonly allowInactive: boolean;
  readonly replaceFiles: boolean;
  /** null: as before. */
  readonly initramfs: InitramfsChange | null;
  readonly toolVersion: string;
  /** The command line, in a shell's words, and who gave it: for the history. */
  readonly asked: { readonly command: string; readonly user: string };
  /** The same apart: for a command that would do where this one cannot be met. */
  readonly line: CommandLine;
  /** Asks whether to go on with the plan; absent where nobody is asked. */
  readonly confirm?: (plan: ChangePlan) => Promise<boolean>;
}

/** What a change does to the tree. */
export interface ChangePlan {
  readonly treeName: string;
  readonly baseCommit: Checksum;
  /** null where the base stays. */
  readonly baseChange: BaseChange | null;
  /** Packages that are layered and were not. */
  readonly install: readonly PlannedPackage[];
  /** NEVRAs of packages that stay layered. */
  readonly kept: readonly string[];
  /** Packages that were layered and no longer are, and base packages that are left out: NEVRAs. */
  readonly remove: readonly string[];
  /** Base packages that another version takes the place of, and did not before. */
  readonly replace: readonly PlannedReplacement[];
  /** Base packages that were left out or replaced and are back: NEVRAs. */
  readonly restore: readonly string[];
  /** Requests that the base satisfies already. */
  readonly inactive: readonly string[];
  /** Names of base packages whose override changes nothing on this base. */
  readonly inactiveOverrides: readonly string[];
  /** Bytes. */
  readonly downloadSize: number;
  readonly installedSize: number;
  readonly initramfs: InitramfsRequest;
}

export interface PlannedPackage {
  readonly nevra: string;
  readonly repo: string;
  readonly reason: string;
  readonly packageSize: number;
  readonly installedSize: number;
}

export interface PlannedReplacement extends PlannedPackage {
  /** NEVRA of the base package. */
  readonly from: string;
}

export type ChangeOutcome =
  | { readonly kind: 'unchanged'; readonly treeName: string }
  /** The newest base, or a tree on it, has failed to boot here. */
  | { readonly kind: 'failed-before'; readonly base: Checksum }
  | { readonly kind: 'planned'; readonly plan: ChangePlan }
  | { readonly kind: 'downloaded'; readonly plan: ChangePlan }
  | { readonly kind: 'declined' }
  | {
      readonly kind: 'deployed';
      readonly plan: ChangePlan;
      readonly checksum: Checksum;
      readonly scripts: readonly ScriptRecord[];
    };

/** Changes what is layered. @throws UserError; the system is then as before */
export function changeTree(choice: SystemChoice, options: ChangeOptions): Promise<ChangeOutcome> {
  const run = options.dryRun ? withSystemUnchanged<ChangeOutcome> : withSystem<ChangeOutcome>;
  return run(choice, async (system) => {
    const { commit, origin } = await chooseBase(system, options);
    const start = withoutRequests(origin, options.words.clear);
    return withFacts(system, commit, (facts) =>
      changeSystem({
        system,
        facts,
        start,
        baseCommit: commit,
        baseChange: baseChange(system, commit, facts.installed),
        options,
        files: new Map(),
        repositories: {},
      }),
    );
  });
}

/** What all steps of one change know. */
export interface Change {
  /** The package files of the command line, by the entry that the origin keeps (`SHA256:NEVRA`). */
  readonly files: Map<string, RpmFile>;
  readonly repositories: { opened?: Promise<readonly LoadedRepository[]> };
  readonly system: System;
  readonly facts: BaseFacts;
  /** The requests that the words of the command change. */
  readonly start: LayerOrigin;
  readonly baseCommit: Checksum;
  readonly baseChange: BaseChange | null;
  readonly options: ChangeOptions;
}

async function changeSystem(change: Change): Promise<ChangeOutcome> {
  const { system, baseCommit, options } = change;
  const { requested, origin } = await requestedOrigin(change);
  const sameBase = baseCommit === system.baseCommit;
  if (options.base.kind === 'present' && isAsBefore(change, origin)) return unchanged(system);
  if (!sameBase && isFailedBase(change)) return { kind: 'failed-before', base: baseCommit };
  if (asksForBaseTree(origin)) return returnToBase(change, origin);
  if (keepsTree(change, origin))
    return deployKnown(change, origin, {
      checksum: system.from.checksum,
      plan: emptyPlan(change, origin, system.treeName),
    });
  const solved = await solveChange(change, origin);
  const digest = inputDigest({ ...solved.inputs, baseCommit, toolVersion: options.toolVersion });
  if (sameBase && digest === presentDigest(system) && isAsBefore(change, origin)) return unchanged(system);
  const result = await solved.solve((problems) => resolvingCommand(change, problems));
  refuseProvided(options, requested, result);
  const plan = planOf(change, origin, result);
  if (options.dryRun) return { kind: 'planned', plan };
  if ((await options.confirm?.(plan)) === false) return { kind: 'declined' };
  keepWaitingFiles(change, result);
  if (changesNothing(result) && !origin.initramfs.regenerate)
    return deployKnown(change, origin, { checksum: baseCommit, plan });
  return await carryOut(change, { origin, result, digest: digestOf(change, solved, result), plan });
}

/** Of what was held back the same inputs make another tree, which an upgrade is not to take for its own. */
function digestOf(
  { baseCommit, options }: Change,
  { inputs }: ReadySolve,
  { heldBack }: SolvedChange,
): string {
  const items = heldBack.length === 0 ? inputs.items : { ...inputs.items, heldBack };
  return inputDigest({ ...inputs, items, baseCommit, toolVersion: options.toolVersion });
}

/** What an upgrade chose; a commit that somebody named is deployed all the same. */
function isFailedBase({ system, baseCommit, options }: Change): boolean {
  const { base } = options;
  return base.kind === 'newest' && !base.retryFailed && hasFailed(system.sysroot, baseCommit);
}

async function carryOut(
  change: Change,
  decided: {
    readonly origin: LayerOrigin;
    readonly result: SolvedChange;
    readonly digest: string;
    readonly plan: ChangePlan;
  },
): Promise<ChangeOutcome> {
  const { system, options } = change;
  const { origin, result, digest, plan } = decided;
  const tree = await composeChange(change, {
    origin,
    result,
    digest,
    isAsBefore: isAsBefore(change, origin),
  });
  if (tree === 'downloaded') return { kind: 'downloaded', plan };
  if (tree === 'unchanged') return unchanged(system);
  try {
    if (tree.commit === system.from.checksum && sameRequests(origin, system.origin)) return unchanged(system);
    options.signal.throwIfAborted();
    const { checksum } = deployChange(
      system,
      { checksum: tree.commit, origin, treeName: result.treeName, preparedFarm: tree.preparedFarm },
      options.progress,
    );
    tree.forgetDownloads();
    await recordChange(change, { plan, origin, checksum });
    return { kind: 'deployed', plan, checksum, scripts: tree.scripts };
  } finally {
    tree.release();
  }
}

/** Nothing is layered any more: the base commit itself is deployed. */
async function returnToBase(change: Change, origin: LayerOrigin): Promise<ChangeOutcome> {
  const { system, baseCommit } = change;
  const treeName = formatTreeName(origin.base, NO_ITEMS);
  const plan: ChangePlan = {
    ...emptyPlan(change, origin, treeName),
    remove: system.from.checksum === baseCommit ? [] : system.layered,
    restore: restored(change, { removed: [], replaced: [] }),
  };
  return deployKnown(change, origin, { checksum: baseCommit, plan });
}

/** A commit that is here already is deployed: the base's, or the present one. */
async function deployKnown(
  change: Change,
  origin: LayerOrigin,
  { checksum: commit, plan }: { readonly checksum: Checksum; readonly plan: ChangePlan },
): Promise<ChangeOutcome> {
  const { system, options } = change;
  if (commit === system.from.checksum && isAsBefore(change, origin)) return unchanged(system);
  if (options.dryRun) return { kind: 'planned', plan };
  if ((await options.confirm?.(plan)) === false) return { kind: 'declined' };
  const tree = { checksum: commit, origin, treeName: plan.treeName, preparedFarm: null };
  const { checksum } = deployChange(system, tree, options.progress);
  await recordChange(change, { plan, origin, checksum });
  return { kind: 'deployed', plan, checksum, scripts: [] };
}

/** The system boots the new tree next, whether or not that can be written down. */
async function recordChange(
  { system, baseCommit, options }: Change,
  made: { readonly plan: ChangePlan; readonly origin: LayerOrigin; readonly checksum: Checksum },
): Promise<void> {
  const { plan, origin, checksum } = made;
  const { appendHistory } = await import('#layering/history.ts');
  try {
    appendHistory(system.historyPath, {
      ...options.asked,
      time: Math.floor(options.now),
      from: system.from.checksum,
      to: checksum,
      treeName: plan.treeName,
      baseBefore: system.baseCommit,
      baseAfter: baseCommit,
      before: system.origin,
      after: origin,
      install: plan.install.map(({ nevra }) => nevra),
      remove: plan.remove,
      replace: plan.replace.map(({ from, nevra }) => `${from} -> ${nevra}`),
      restore: plan.restore,
    });
  } catch (error) {
    options.progress({ kind: 'warning', text: `the change is not in the history: ${messageOf(error)}` });
  }
}

/** Whether it asks for what the present deployment was made of, so that nothing has to be made again. */
function isAsBefore({ system, options }: Change, origin: LayerOrigin): boolean {
  return sameRequests(origin, system.origin) && !asksAgain(options.initramfs);
}

/** Whether only the initrd beside that of the tree is to be another. */
function keepsTree({ system, options }: Change, origin: LayerOrigin): boolean {
  if (options.base.kind !== 'present' || options.initramfs?.kind === 'regenerate') return false;
  const { etc } = system.origin.initramfs;
  return sameRequests({ ...origin, initramfs: { ...origin.initramfs, etc } }, system.origin);
}

/** All that is asked for is in the base as it is: the requests wait for a base of which that is not so. */
function changesNothing({ packages, removed, replaced }: SolvedChange): boolean {
  return packages.length + removed.length + replaced.length === 0;
}

function presentDigest(system: System): string | null {
  return readDerived(loadCommit(system.sysroot.repo, system.from.checksum))?.inputDigest ?? null;
}

function unchanged({ treeName }: System): ChangeOutcome {
  return { kind: 'unchanged', treeName };
}
