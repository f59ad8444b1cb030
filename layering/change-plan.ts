/** What a change will do, for the person who is asked. Pure. */
import type { Change, ChangePlan, PlannedPackage } from '#layering/change.ts';
import type { ChosenPackage, SolvedChange } from '#layering/change-solve.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';
import { formatNevra, parseNevra, type Nevra } from '#layering/nevra.ts';
import { shownRequest } from '#layering/origin-entries.ts';

export function planOf(change: Change, origin: LayerOrigin, result: SolvedChange): ChangePlan {
  const { system } = change;
  const overriding = new Map(result.replaced.map(({ from, to }) => [formatNevra(to), formatNevra(from)]));
  const planned = result.packages.map(plannedPackage);
  const layered = planned.filter(({ nevra }) => !overriding.has(nevra));
  const now = new Set(layered.map(({ nevra }) => nevra));
  const before = new Set(system.layered);
  const install = layered.filter(({ nevra }) => !before.has(nevra));
  const replacedBefore = new Set(system.replaced.map(({ to }) => to));
  const replace = planned.flatMap((pkg) => {
    const from = overriding.get(pkg.nevra);
    return from === undefined || replacedBefore.has(pkg.nevra) ? [] : [{ ...pkg, from }];
  });
  const fresh = [...install, ...replace];
  return {
    ...emptyPlan(change, origin, result.treeName),
    install,
    kept: system.layered.filter((nevra) => now.has(nevra)),
    remove: [...system.layered.filter((nevra) => !now.has(nevra)), ...newlyRemoved(change, result)],
    replace,
    restore: restored(change, result),
    inactive: result.provided.map(({ spec }) => shownRequest(spec)),
    inactiveOverrides: result.inactiveOverrides,
    downloadSize: fresh.reduce((sum, { packageSize }) => sum + packageSize, 0),
    installedSize: fresh.reduce((sum, { installedSize }) => sum + installedSize, 0),
  };
}

export function emptyPlan(
  { baseCommit, baseChange }: Change,
  origin: LayerOrigin,
  treeName: string,
): ChangePlan {
  return {
    treeName,
    baseCommit,
    baseChange,
    install: [],
    kept: [],
    remove: [],
    replace: [],
    restore: [],
    inactive: [],
    inactiveOverrides: [],
    downloadSize: 0,
    installedSize: 0,
    initramfs: origin.initramfs,
  };
}

/** Packages of the (new) base that the present tree leaves out or replaces, and that are back. */
export function restored(
  { system, facts }: Change,
  { removed, replaced }: Pick<SolvedChange, 'removed' | 'replaced'>,
): string[] {
  const keyOf = ({ name, arch }: Pick<Nevra, 'name' | 'arch'>): string => `${name}.${arch}`;
  const changed = new Set([...removed, ...replaced.map(({ from }) => from)].map(keyOf));
  const names = new Set(system.removed);
  const overridden = new Set(system.replaced.map(({ from }) => keyOf(parseNevra(from))));
  return facts.installed
    .filter((one) => names.has(one.name) || overridden.has(keyOf(one)))
    .filter((one) => !changed.has(keyOf(one)))
    .map(formatNevra);
}

/** Base packages that the present tree still has. */
function newlyRemoved({ system }: Change, result: SolvedChange): string[] {
  const gone = new Set(system.removed);
  return result.removed.filter(({ name }: Nevra) => !gone.has(name)).map(formatNevra);
}

function plannedPackage({ nevra, repo, reason, packageSize, installedSize }: ChosenPackage): PlannedPackage {
  return { nevra: formatNevra(nevra), repo, reason, packageSize, installedSize };
}
