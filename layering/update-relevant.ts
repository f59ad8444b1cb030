/** What is left of an update that was found for another tree on the same base. Pure. */
import { formatNevra } from '#layering/nevra.ts';
import { NO_DIFFERENCE } from '#layering/package-diff.ts';
import { advisoriesOf } from '#layering/updateinfo.ts';
import type { AvailableUpdate } from '#layering/update-state.ts';

/** The tree that boots next. */
export interface PresentTree {
  readonly checksum: string;
  readonly baseCommit: string;
  /** The base's refspec. */
  readonly origin: string;
  /** NEVRAs of what is layered, and of what stands in for base packages. */
  readonly packages: ReadonlySet<string>;
}

/** null where nothing of it is to be had any more, or it was found on another base. */
export function stillAvailable(update: AvailableUpdate, present: PresentTree): AvailableUpdate | null {
  if (update.from === present.checksum) return update;
  if (update.baseFrom !== present.baseCommit || update.origin !== present.origin) return null;
  const upgraded = update.layered.upgraded.filter(({ from }) => present.packages.has(formatNevra(from)));
  if (!update.refHasNewCommit && upgraded.length === 0) return null;
  const layered = { ...update.layered, upgraded };
  const advisories = [update.base ?? NO_DIFFERENCE, layered].flatMap((diff) =>
    advisoriesOf(diff, update.advisories),
  );
  return { ...update, layered, advisories };
}
