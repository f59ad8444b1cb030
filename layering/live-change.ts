/** What `apply-live` is about to do: read and decided, nothing is changed yet. */
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { packageDiff, recordedPackages, withOwners } from '#layering/live-owners.ts';
import { livePaths } from '#layering/live-paths.ts';
import { planLive, type LivePlan } from '#layering/live-plan.ts';
import {
  interruptedTrees,
  isAppliedByOther,
  liveTrees,
  readLiveRecord,
  type LiveRecord,
  type LiveTree,
} from '#layering/live-record.ts';
import { liveTarget } from '#layering/live-target.ts';
import { userPlan } from '#layering/live-users.ts';
import type { PackageDiff } from '#layering/package-diff.ts';
import { readStatus } from '#layering/status.ts';

export interface LiveRequest {
  /** A tree that is named; null for the one that boots next. */
  readonly target: string | null;
  /** Back to the tree that was booted. */
  readonly reset: boolean;
  readonly allowReplacement: boolean;
}

export interface LiveChange {
  readonly booted: Deployment;
  /** What an earlier run left. */
  readonly record: LiveRecord | null;
  readonly from: LiveTree;
  readonly to: LiveTree;
  /** From what runs to what will. */
  readonly packages: PackageDiff | null;
  readonly usr: LivePlan;
  readonly etc: LivePlan;
  /** Users and groups whose ids are somebody else's: a line each, for people. */
  readonly missing: readonly string[];
}

/** @throws UserError NOT_BOOTED, NO_DEPLOYMENT, NO_OBJECT, LIVE_OTHER, LIVE_REPLACES, LIVE_CHANGED */
export function readLiveChange(sysroot: Sysroot, request: LiveRequest): LiveChange {
  const booted = requireBooted(sysroot);
  const record = readLiveRecord(sysroot.sys, booted);
  if (record === null && isAppliedByOther(sysroot.sys, booted))
    throw new UserError('LIVE_OTHER', 'rpm-ostree has applied changes to the system that runs', {
      hint: "'rpm-ostree apply-live --reset' takes them back",
    });
  for (const tree of record === null ? [] : liveTrees(record)) requireThere(sysroot, tree);
  const started = bootedTree(sysroot, booted);
  const from = record?.live ?? started;
  const to = request.reset ? started : liveTarget(sysroot, booted, request.target);
  const packages = packageDiff(sysroot, from.commit, to.commit);
  const plans = readPlans(sysroot, request, { from, to, record, hasDatabase: packages !== null });
  const change = { booted, record, from, to, packages, ...plans };
  if (!request.reset) refuseBlocked(change);
  if (!request.allowReplacement && !request.reset) refuseReplacements(change);
  return change;
}

/** @throws UserError NO_OBJECT for a tree whose files cannot be told from those of others any more */
function requireThere({ repo }: Sysroot, { commit, treeName }: LiveTree): void {
  if (loadCommitIfThere(repo, commit) !== null) return;
  throw new UserError(
    'NO_OBJECT',
    `${treeName}, which apply-live brought, is not in the repository any more`,
    {
      hint: 'a reboot takes back what it did in /usr',
    },
  );
}

/** The tree of the deployment that was booted. */
export function bootedTree(sysroot: Sysroot, booted: Deployment): LiveTree {
  const found = readStatus(sysroot, booted.stateroot).find(({ deployment }) => deployment === booted);
  return { commit: booted.checksum, treeName: found?.treeName ?? booted.checksum };
}

interface Sides extends Pick<LiveChange, 'from' | 'to' | 'record'> {
  readonly hasDatabase: boolean;
}

function readPlans(
  sysroot: Sysroot,
  request: LiveRequest,
  { from, to, record, hasDatabase }: Sides,
): Pick<LiveChange, 'usr' | 'etc' | 'missing'> {
  const { repo, sys } = sysroot;
  const before = [from, ...(record === null ? [] : interruptedTrees(record))].map(({ commit }) => commit);
  const root = sys.open(AT_FDCWD, '/', ['read', 'directory']);
  try {
    const change = { repo, root, before, after: to.commit, gone: record?.gone ?? [] };
    const paths = withOwners(sysroot, { commit: from.commit, hasDatabase }, (ownersOf) =>
      livePaths({ ...change, ownersOf }),
    );
    const etc = planLive(paths.etc, false);
    const trees = before.map((commit) => MutableTree.fromCommit(repo, commit));
    const target = { repo, root, before: trees, after: MutableTree.fromCommit(repo, to.commit) };
    const users = userPlan(target, etc.others);
    const others = etc.others.filter((file) => !users.steps.some(({ path }) => file === `/${path}`));
    const usr = planLive(paths.usr, request.allowReplacement && !request.reset);
    return {
      usr: { ...usr, steps: [...paths.leftovers, ...usr.steps] },
      etc: { ...etc, others, steps: [...etc.steps, ...users.steps] },
      missing: users.missing,
    };
  } finally {
    sys.close(root);
  }
}

const SHOWN = 10;

/** @throws UserError LIVE_CHANGED */
function refuseBlocked({ usr, to }: LiveChange): void {
  if (usr.blocked.length > 0)
    throw new UserError(
      'LIVE_CHANGED',
      `directories of ${to.treeName} are links or files in the unlocked /usr, or the other way round: ${shortened(usr.blocked)}`,
      { hint: 'undo that there, or reboot into it' },
    );
}

/** @throws UserError LIVE_REPLACES, LIVE_CHANGED */
function refuseReplacements({ packages, usr, to }: LiveChange): void {
  const { removed, replaced } = recordedPackages(packages);
  const files = usr.ofPackages.map(({ path, owners }) => `${path} of ${owners.join(', ')}`);
  const found = [...removed.map((one) => `${one} goes`), ...replaced, ...files];
  if (found.length > 0)
    throw new UserError(
      'LIVE_REPLACES',
      `${to.treeName} does not only add to what runs: ${shortened(found)}`,
      { hint: 'reboot into it, or apply it with --allow-replacement and then restart what audit names' },
    );
  if (usr.others.length > 0)
    throw new UserError(
      'LIVE_CHANGED',
      `files that ${to.treeName} has were changed in the unlocked /usr: ${shortened(usr.others)}`,
      { hint: '--allow-replacement overwrites them' },
    );
}

function shortened(list: readonly string[]): string {
  const more = list.length - SHOWN;
  return `${list.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more (--dry-run --allow-replacement --json lists all)` : ''}`;
}
