/** What differs between the packages of two trees. Pure. */
import { compareEvr } from '#layering/evr.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';

export interface PackageDiff {
  readonly upgraded: readonly VersionChange[];
  readonly downgraded: readonly VersionChange[];
  readonly removed: readonly Nevra[];
  readonly added: readonly Nevra[];
}

export interface VersionChange {
  readonly from: Nevra;
  readonly to: Nevra;
}

export const NO_DIFFERENCE: PackageDiff = { upgraded: [], downgraded: [], removed: [], added: [] };

/**
 * Each list by name. A package of which a tree has several versions (kernels) is compared version by version: one that
 * only one tree has was added or removed.
 */
export function diffPackages(from: readonly Nevra[], to: readonly Nevra[]): PackageDiff {
  const [before, after] = [byNameAndArch(without(from, to)), byNameAndArch(without(to, from))];
  const changes: VersionChange[] = [];
  const removed: Nevra[] = [];
  const added: Nevra[] = [];
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [olds, news] = [before.get(key) ?? [], after.get(key) ?? []];
    const [old, only] = [olds[0], news[0]];
    if (olds.length === 1 && news.length === 1 && old !== undefined && only !== undefined)
      changes.push({ from: old, to: only });
    else {
      removed.push(...olds);
      added.push(...news);
    }
  }
  return {
    upgraded: changes.filter(({ from, to }) => compareEvr(from, to) < 0),
    downgraded: changes.filter(({ from, to }) => compareEvr(from, to) > 0),
    removed,
    added,
  };
}

export function isEmptyDiff(diff: PackageDiff): boolean {
  return diff.upgraded.length + diff.downgraded.length + diff.removed.length + diff.added.length === 0;
}

function without(packages: readonly Nevra[], others: readonly Nevra[]): Nevra[] {
  const known = new Set(others.map(formatNevra));
  return packages.filter((one) => !known.has(formatNevra(one)));
}

function byNameAndArch(packages: readonly Nevra[]): Map<string, Nevra[]> {
  const found = new Map<string, Nevra[]>();
  for (const one of packages) {
    const key = `${one.name}\0${one.arch}`;
    found.set(key, [...(found.get(key) ?? []), one].sort(compareEvr));
  }
  return found;
}
