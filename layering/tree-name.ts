import { compareBytewise } from '#ostree/format/utf8.ts';

/** What makes a derived tree differ from its base; the lists are the truth, the display name is for people. */
export interface TreeItems {
  /** comps group ids, without the `@`. */
  readonly groups: readonly string[];
  /** Names of the packages asked for (resolved: never a path, provide, NEVRA or file). */
  readonly packages: readonly string[];
  /** Names of base packages left out. */
  readonly removals: readonly string[];
}

export const NO_ITEMS: TreeItems = { groups: [], packages: [], removals: [] };

/** Whether a tree with these items is the base itself. */
export function isPureBase(items: TreeItems): boolean {
  return items.groups.length + items.packages.length + items.removals.length === 0;
}

/**
 * The display name, e.g. `fedostree/20/x86_64/base/minimal+@tracing+gdb-nano`: groups, packages, removals, each sorted
 * bytewise and named once. Package names may hold `+` and `-`, so the name alone cannot be taken apart.
 */
export function formatTreeName(base: string, items: TreeItems): string {
  const sorted = sortedItems(items);
  return [
    withoutRemote(base),
    ...sorted.groups.map((id) => `+@${id}`),
    ...sorted.packages.map((name) => `+${name}`),
    ...sorted.removals.map((name) => `-${name}`),
  ].join('');
}

/** The same items, each list sorted bytewise and without repetitions. */
export function sortedItems(items: TreeItems): TreeItems {
  return {
    groups: sortedUnique(items.groups),
    packages: sortedUnique(items.packages),
    removals: sortedUnique(items.removals),
  };
}

/** The names sorted by their bytes, each once. */
export function sortedUnique(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareBytewise);
}

/** `ref` of `remote:ref`. */
export function withoutRemote(refspec: string): string {
  return refspec.slice(refspec.indexOf(':') + 1);
}
