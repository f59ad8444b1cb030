/** What is known of the boots of a sysroot's deployments, now: the marks in the entries and what the boot loader counted. */
import { counterOf, readCounts, type Counter } from '#bootloader/fallback-counter.ts';
import { markOf } from '#bootloader/fallback-marks.ts';
import { fallbackTries } from '#bootloader/fallback-settings.ts';
import { standingOf, type Candidate, type Counts } from '#bootloader/fallback.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface FallbackEntry extends Candidate {
  readonly deployment: Deployment;
}

export interface FallbackState {
  /** For new deployments; null where the model is off. */
  readonly tries: number | null;
  readonly counter: Counter;
  /** The deployments that are in the boot menu, in its order. */
  readonly list: readonly FallbackEntry[];
  /** Why the counts or the settings cannot be read; null where they can. */
  readonly problem: string | null;
}

/** Reads only. What cannot be read is told of, and counts for nothing. */
export function readFallback(sysroot: Sysroot): FallbackState {
  const listed = sysroot.deployments.filter(({ isStaged }) => !isStaged);
  const marks = listed.map((one) => markOf(one.bls, deploymentName(one)));
  const settings = attempt(() => fallbackTries(sysroot.repo.config), null);
  const tries = settings.value;
  const standings = (counts: Counts): FallbackEntry[] =>
    listed.map((deployment, at) => ({
      deployment,
      stateroot: deployment.stateroot,
      standing: standingOf(tries === null ? null : (marks[at] ?? null), counts, deployment.isBooted),
    }));
  if (tries === null) return { tries, counter: null, list: standings(new Map()), problem: settings.problem };
  const found = attempt(() => counterOf(sysroot), { counter: null, why: '' });
  const { counter, why } = found.value;
  const counts = attempt(() => readCounts(sysroot, counter), new Map<string, number | 'good'>());
  const problem = found.problem ?? counts.problem ?? (counter === null ? notCounted(why) : null);
  return { tries, counter, list: standings(counts.value), problem };
}

/** The running deployment's place in the list; null where nothing of it runs. */
export function bootedPlace({ list }: FallbackState): number | null {
  const place = list.findIndex(({ deployment }) => deployment.isBooted);
  return place < 0 ? null : place;
}

function notCounted(why: string): string {
  return `boots cannot be counted here${why === '' ? '' : ` (${why})`}: no deployment is on trial`;
}

function attempt<T, E>(
  read: () => T,
  otherwise: E,
): { readonly value: T | E; readonly problem: string | null } {
  try {
    return { value: read(), problem: null };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { value: otherwise, problem: messageOf(error) };
  }
}
