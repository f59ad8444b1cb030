/**
 * The fallback model: what is known of each deployment's boots, which one boots next, and what a change of the list or
 * a boot makes of that. Plain data; nothing here knows a boot loader, a disk or a clock.
 *
 * A new deployment that comes first is on trial: it has some tries, and the boot loader counts them down before it
 * boots. One that is marked good in time is good. One that has used up its tries has failed: another deployment boots,
 * and by itself nothing makes it boot again.
 */

/** One trial of a deployment. A new one has a new id, so what a boot loader counted for an older one says nothing of it. */
export interface Trial {
  readonly id: string;
  /** How often it may boot without being marked good: at least 1. */
  readonly tries: number;
}

/** What the boot entry says of its deployment. */
export type Mark =
  { readonly kind: 'trial'; readonly trial: Trial } | { readonly kind: 'good' } | { readonly kind: 'failed' };

/** What the boot loader keeps: the id of a trial → the tries left, or that it was marked good. */
export type Counts = ReadonlyMap<string, number | 'good'>;

/** What is known of a deployment's boots. */
export type Standing =
  /** It was there before the model was on, or another program deployed it. */
  | { readonly kind: 'unknown' }
  /** With 0 left, the last try runs. */
  | { readonly kind: 'trial'; readonly trial: Trial; readonly left: number }
  | { readonly kind: 'good' }
  | { readonly kind: 'failed' };

/** A deployment of the list, the first of which boots by default. */
export interface Candidate {
  readonly stateroot: string;
  readonly standing: Standing;
}

/** From the entry's mark, the boot loader's counts, and whether the deployment is the one that runs. */
export function standingOf(mark: Mark | null, counts: Counts, isBooted: boolean): Standing {
  if (mark === null) return { kind: 'unknown' };
  if (mark.kind !== 'trial') return { kind: mark.kind };
  const { trial } = mark;
  const count = counts.get(trial.id) ?? trial.tries;
  if (count === 'good') return { kind: 'good' };
  const left = Math.min(count, trial.tries);
  return left > 0 || isBooted ? { kind: 'trial', trial, left } : { kind: 'failed' };
}

/**
 * The place of the deployment that boots where the one at `of` has failed: the first good one of the same stateroot,
 * else the first that nothing is known of; null for none. One on trial or failed is never fallen back to: two bad ones
 * would take turns.
 */
export function fallbackOf(list: readonly Candidate[], of: number): number | null {
  for (const kind of ['good', 'unknown'] as const) {
    const found = list.findIndex(
      (one, at) => at !== of && one.stateroot === list[of]?.stateroot && one.standing.kind === kind,
    );
    if (found >= 0) return found;
  }
  return null;
}

/** The place of the deployment that boots next where nobody chooses: every boot loader's part is to do the same. */
export function bootsNext(list: readonly Candidate[]): number {
  return list[0]?.standing.kind === 'failed' ? (fallbackOf(list, 0) ?? 0) : 0;
}

/** What the boot loader keeps of the default's trial after it has chosen: one try less; null where nothing changes. */
export function countDown(list: readonly Candidate[]): { readonly id: string; readonly left: number } | null {
  const standing = list[0]?.standing;
  if (standing?.kind !== 'trial' || fallbackOf(list, 0) === null) return null;
  return { id: standing.trial.id, left: Math.max(0, standing.left - 1) };
}

/** A deployment of a list that is about to be written. */
export interface Listed extends Candidate {
  /** It was not in the list before, or booted with other kernel arguments. */
  readonly isNew: boolean;
}

export interface MarkSettings {
  /** For new trials; null: the model is off. */
  readonly tries: number | null;
  /** Makes the id of a new trial. */
  readonly newId: () => string;
}

/**
 * What the entries of a new list say. New ones are on trial; so is a failed one that somebody puts first. Where there is
 * nothing to fall back to, a trial would lead nowhere: the first one then boots as it always did.
 */
export function marksOf(list: readonly Listed[], { tries, newId }: MarkSettings): (Mark | null)[] {
  if (tries === null) return list.map(() => null);
  return list.map(({ standing, isNew }, at) => {
    const isFirst = at === 0;
    if (isNew || (isFirst && standing.kind === 'failed'))
      return isFirst && fallbackOf(list, 0) === null
        ? null
        : { kind: 'trial', trial: { id: newId(), tries } };
    switch (standing.kind) {
      case 'unknown':
        return null;
      case 'trial':
        return { kind: 'trial', trial: standing.trial };
      case 'good':
      case 'failed':
        return { kind: standing.kind };
      default:
        return standing satisfies never;
    }
  });
}

/**
 * After a fallback: the list with the running deployment first and the failed ones last, as places in the old one; null
 * where there was no fallback. Only a good deployment, or one of which nothing is known, becomes the default by itself.
 */
export function settledOrder(list: readonly Candidate[], booted: number | null): number[] | null {
  if (booted === null || booted === 0 || list[0]?.standing.kind !== 'failed') return null;
  const kind = list[booted]?.standing.kind;
  if (kind !== 'good' && kind !== 'unknown') return null;
  const places = list.map((_, at) => at).filter((at) => at !== booted);
  const hasFailed = (at: number): boolean => list[at]?.standing.kind === 'failed';
  return [booted, ...places.filter((at) => !hasFailed(at)), ...places.filter(hasFailed)];
}

/**
 * The place of a deployment that the list must keep though the policy drops it: the last that can be fallen back to,
 * where the new first one and those kept beside it cannot be. null where one of those can.
 */
export function lastToKeep(
  before: readonly Candidate[],
  keeps: (place: number) => boolean,
  stateroot: string,
): number | null {
  const usable = (kind: 'good' | 'unknown'): number[] =>
    before.flatMap((one, at) => (one.stateroot === stateroot && one.standing.kind === kind ? [at] : []));
  const all = [...usable('good'), ...usable('unknown')];
  return all.some(keeps) ? null : (all[0] ?? null);
}
