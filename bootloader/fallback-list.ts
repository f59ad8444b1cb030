/** The fallback model where a list of deployments is written: which are on trial, and which must stay. */
import { countableTries, prepareTrial, type Counter } from '#bootloader/fallback-counter.ts';
import { readFallback, type FallbackState } from '#bootloader/fallback-state.ts';
import { fallbackTries } from '#bootloader/fallback-settings.ts';
import {
  fallbackOf,
  lastToKeep,
  marksOf,
  settledOrder,
  type Candidate,
  type Mark,
} from '#bootloader/fallback.ts';
import { bootsAlike } from '#bootloader/list-policy.ts';
import { isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface MarkPlan {
  /** For each deployment of the list. */
  readonly marks: readonly (Mark | null)[];
  readonly counter: Counter;
  /** Of new trials; null: the model is off, or nothing can be counted. Otherwise each entry is written with its mark. */
  readonly tries: number | null;
  /** One that is not on trial now will be. */
  readonly startsTrial: boolean;
}

/** @throws UserError BAD_REPO */
export function planMarks(sysroot: Sysroot, state: FallbackState, after: readonly Deployment[]): MarkPlan {
  const configured = fallbackTries(sysroot.repo.config);
  const { counter } = state;
  const tries = configured === null ? null : countableTries(counter, configured);
  const ids = new Set<string>();
  const newId = (): string => {
    const id = sysroot.sys.randomHex(6);
    ids.add(id);
    return id;
  };
  const marks = marksOf(
    after.map((one) => {
      const known = knownOf(state, one);
      return {
        stateroot: one.stateroot,
        standing: known?.standing ?? { kind: 'unknown' },
        isNew: known === undefined || !bootsAlike(known.deployment, one),
      };
    }),
    { tries, newId },
  );
  return { marks, counter, tries, startsTrial: ids.size > 0 };
}

/**
 * The list as it may be written before a fallback was settled: a deployment that has failed does not stay the default only
 * because nobody moved it.
 */
export function settledList(state: FallbackState, list: readonly Deployment[]): readonly Deployment[] {
  const settled = afterFallback(state, list);
  return state.counter === 'blscfg' ? withFallbackSecond(state, settled) : settled;
}

/** That GRUB boots the second entry of the menu, whichever it is. */
function withFallbackSecond(state: FallbackState, list: readonly Deployment[]): readonly Deployment[] {
  const [first, ...others] = list;
  if (first === undefined) return list;
  const known = knownOf(state, first);
  const isTried = known?.standing.kind === 'trial' || known?.standing.kind === 'failed';
  if (!isTried && known !== undefined && bootsAlike(known.deployment, first)) return list;
  const place = fallbackOf(candidatesOf(state, list), 0);
  const second = place === null ? undefined : list[place];
  return second === undefined ? list : [first, second, ...others.filter((one) => one !== second)];
}

function candidatesOf(state: FallbackState, list: readonly Deployment[]): Candidate[] {
  return list.map((one) => ({
    stateroot: one.stateroot,
    standing: knownOf(state, one)?.standing ?? { kind: 'unknown' },
  }));
}

function afterFallback(state: FallbackState, list: readonly Deployment[]): readonly Deployment[] {
  const [first] = list;
  const before = state.list[0];
  if (first === undefined || before?.standing.kind !== 'failed') return list;
  if (!isSameDeployment(first, before.deployment) || !bootsAlike(first, before.deployment)) return list;
  const candidates = candidatesOf(state, list);
  const order = settledOrder(candidates, fallbackOf(candidates, 0));
  return order === null ? list : order.flatMap((place) => list[place] ?? []);
}

/** Before the list is made current. @throws UserError GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT, SYSLINUX_DATA */
export function prepareMarks(sysroot: Sysroot, plan: MarkPlan): void {
  const [first] = plan.marks;
  if (plan.tries === null) return;
  const trial = first?.kind === 'trial' ? first.trial : null;
  prepareTrial(sysroot, plan.counter, { trial, tries: plan.tries });
}

/** The list with the last deployment that can be fallen back to, where the policy would have dropped it. */
export function withFallback(
  sysroot: Sysroot,
  list: readonly Deployment[],
  { stateroot }: Pick<Deployment, 'stateroot'>,
): Deployment[] {
  const state = readFallback(sysroot);
  if (state.tries === null || state.counter === null) return [...list];
  const keeps = (place: number): boolean => {
    const deployment = state.list[place]?.deployment;
    return deployment !== undefined && list.some((one) => isSameDeployment(one, deployment));
  };
  const place = lastToKeep(state.list, keeps, stateroot);
  const kept = place === null ? undefined : state.list[place]?.deployment;
  return kept === undefined ? [...list] : [...list, kept];
}

function knownOf(state: FallbackState, deployment: Deployment): FallbackState['list'][number] | undefined {
  return state.list.find((one) => isSameDeployment(one.deployment, deployment));
}
