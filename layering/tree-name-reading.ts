/** A tree's display name taken apart. The name alone is ambiguous, as package names hold `+` and `-`. Pure. */
import type { TreeItems } from '#layering/tree-name.ts';

/** What is known of the names that may be in it. */
export interface KnownNames {
  readonly isGroup: (id: string) => boolean;
  /** A package that can be layered. */
  readonly isPackage: (name: string) => boolean;
  /** A package of the base. */
  readonly isBasePackage: (name: string) => boolean;
}

/** More readings than these are of no use to anybody. */
const MOST_READINGS = 16;

/** A base and what follows it, e.g. `b/minimal` and `+@tracing-nano`, for each place where that may begin; the whole first. */
export function splitBase(text: string): { readonly base: string; readonly suffix: string }[] {
  const places = [...text].flatMap((character, at) => (at > 0 && isSign(character) ? [at] : []));
  return [
    { base: text, suffix: '' },
    ...places.reverse().map((at) => ({ base: text.slice(0, at), suffix: text.slice(at) })),
  ];
}

/** Each way to read `+@group+package-removed` in which every item is known; at most `MOST_READINGS`. */
export function readSuffix(suffix: string, known: KnownNames): TreeItems[] {
  const readings = new Map<number, readonly TreeItems[]>([
    [suffix.length, [{ groups: [], packages: [], removals: [] }]],
  ]);
  for (let from = suffix.length - 1; from >= 0; from--) {
    if (!isSign(suffix.charAt(from))) continue;
    const found: TreeItems[] = [];
    for (let to = from + 2; to <= suffix.length && found.length < MOST_READINGS; to++)
      for (const rest of readings.get(to) ?? []) {
        const item = withItem(suffix.slice(from, to), rest, known);
        if (item !== null && found.length < MOST_READINGS) found.push(item);
      }
    readings.set(from, found);
  }
  return [...(readings.get(0) ?? [])];
}

function withItem(item: string, rest: TreeItems, known: KnownNames): TreeItems | null {
  const name = item.slice(1);
  if (item.startsWith('+@'))
    return known.isGroup(name.slice(1)) ? { ...rest, groups: [name.slice(1), ...rest.groups] } : null;
  if (item.startsWith('+'))
    return known.isPackage(name) ? { ...rest, packages: [name, ...rest.packages] } : null;
  return known.isBasePackage(name) ? { ...rest, removals: [name, ...rest.removals] } : null;
}

function isSign(character: string): boolean {
  return character === '+' || character === '-';
}
