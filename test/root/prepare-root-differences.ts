import type { BootOutcome } from './prepare-root-cases.ts';

/**
 * What ours makes of the situation in which ostree 2026.4 has that outcome: where a run fails, ours leaves nothing
 * behind; where it succeeds, nothing of a composefs that was not mounted. docs/prepare-root.md gives the reasons.
 */
export function asOurs(outcome: BootOutcome): BootOutcome {
  if (outcome.status === 0) {
    const mounted = outcome.booted?.includes('composefs b true') === true;
    return {
      ...outcome,
      leftovers: outcome.leftovers.filter((one) => mounted || !one.includes('cfsroot-lower')),
    };
  }
  return {
    ...outcome,
    leftovers: outcome.leftovers.filter(
      (one) => one === '40755 /run/ostree' && outcome.message?.includes(one.slice(6)),
    ),
  };
}
