/** Which deployments stay when a new one comes, and in which order: ostree's rules, on plain data. */
import { isSameDeployment, userKernelArgs, type Deployment } from '#ostree/sysroot/deployment.ts';
import { overlayInitrds } from '#ostree/format/bls.ts';

export interface ListPolicy {
  /** After the booted (or merge) deployment instead of first. */
  readonly notAsDefault?: boolean;
  /** Keep all. */
  readonly retain?: boolean;
  /** Keep those before the booted one. */
  readonly retainPending?: boolean;
  /** Keep those after the booted one. */
  readonly retainRollback?: boolean;
}

export interface CurrentList {
  readonly deployments: readonly Deployment[];
  readonly booted: Deployment | null;
  /** The deployment that the new one's /etc came from. */
  readonly merge: Deployment | null;
}

/** Kept are the booted, the merge, the pinned ones and those of other stateroots, and what the policy says. */
export function listWithNew(fresh: Deployment, current: CurrentList, policy: ListPolicy): Deployment[] {
  const crossover = current.booted ?? current.merge;
  const list: Deployment[] = policy.notAsDefault === true ? [] : [fresh];
  let isPassed = false;
  for (const deployment of current.deployments) {
    const isCrossover = crossover !== null && isSameDeployment(deployment, crossover);
    isPassed ||= isCrossover;
    if (isKept(deployment, { fresh, current, policy, isPassed, hasCrossover: crossover !== null }))
      list.push(deployment);
    if (isCrossover && policy.notAsDefault === true) list.push(fresh);
  }
  return list.includes(fresh) ? list : [...list, fresh];
}

interface Situation {
  readonly fresh: Deployment;
  readonly current: CurrentList;
  readonly policy: ListPolicy;
  readonly isPassed: boolean;
  readonly hasCrossover: boolean;
}

function isKept(deployment: Deployment, situation: Situation): boolean {
  const { fresh, current, policy, isPassed, hasCrossover } = situation;
  const isOneOf = (other: Deployment | null): boolean =>
    other !== null && isSameDeployment(deployment, other);
  if (policy.retain === true || deployment.isPinned || deployment.stateroot !== fresh.stateroot) return true;
  if (isOneOf(current.booted) || isOneOf(current.merge)) return true;
  const isPending = policy.retainPending === true && (!hasCrossover || !isPassed);
  const isRollback = policy.retainRollback === true && (!hasCrossover || isPassed);
  return isPending || isRollback;
}

/** Whose /etc a new deployment of a stateroot takes over: the booted one, else the first of that stateroot. */
export function mergeDeployment(
  deployments: readonly Deployment[],
  booted: Deployment | null,
  stateroot: string,
): Deployment | null {
  const candidates = deployments.filter((deployment) => deployment.stateroot === stateroot);
  return (
    candidates.find((deployment) => booted !== null && isSameDeployment(deployment, booted)) ??
    candidates[0] ??
    null
  );
}

/** The deployment that `rollback` would boot: of the default's stateroot the next that has not failed, or the booted one. */
export function rollbackOf(
  sysroot: Pick<CurrentList, 'deployments' | 'booted'>,
  hasFailed: (deployment: Deployment) => boolean,
): Deployment | null {
  const [first, ...rest] = sysroot.deployments.filter((deployment) => !deployment.isStaged);
  if (first === undefined) return null;
  const { booted } = sysroot;
  if (booted !== null && booted !== first && !hasFailed(booted)) return booted;
  return rest.find((one) => one.stateroot === first.stateroot && !hasFailed(one)) ?? null;
}

/**
 * Whether the boot entries change, or only where the boot links point. `versionOf` gives the commit's version.
 */
export function needsNewEntries(
  before: readonly Deployment[],
  after: readonly Deployment[],
  versionOf: (deployment: Deployment) => string | null,
): boolean {
  if (before.length !== after.length) return true;
  return after.some((next, at) => {
    const previous = before[at];
    return previous === undefined || !bootsAlike(previous, next) || versionOf(previous) !== versionOf(next);
  });
}

/** Whether two lists name the same deployments with the same kernel arguments: nothing is to be written. */
export function isSameList(before: readonly Deployment[], after: readonly Deployment[]): boolean {
  return (
    before.length === after.length &&
    after.every((next, at) => {
      const previous = before[at];
      return previous !== undefined && isSameDeployment(previous, next) && bootsAlike(previous, next);
    })
  );
}

/** Whether they boot with the same kernel and arguments. */
export function bootsAlike(a: Deployment, b: Deployment): boolean {
  return (
    a.bootcsum === b.bootcsum &&
    a.stateroot === b.stateroot &&
    sameWords(userKernelArgs(a), userKernelArgs(b)) &&
    sameWords(initrdNames(a), initrdNames(b))
  );
}

/** Of the initrds after that of the tree: of an entry that there is, or for one that there will be. */
function initrdNames({ bls, addedInitrds }: Deployment): string[] {
  const listed = overlayInitrds(bls).map((path) => path.slice(path.lastIndexOf('/') + 1));
  return [...listed, ...(addedInitrds ?? []).map((checksum) => `${checksum}.img`)];
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, at) => word === b[at]);
}
