/** Which base packages of a derived tree another version stands in for, as its commit records it. */
import { lookupVariant, type Commit } from '#ostree/format/commit.ts';
import type { Variant } from '#ostree/format/gvariant.ts';

export interface Replacement {
  /** The package's name. */
  readonly name: string;
  /** NEVRAs: of the base, and of what stands in. */
  readonly from: string;
  readonly to: string;
  /** `repo=ID`; null for a package file. */
  readonly source: string | null;
}

/** Reads what we and rpm-ostree record alike; what is not as they write it counts as nothing. */
export function replacements(commit: Commit): Replacement[] {
  const local = lookupVariant(commit.metadata, 'rpmostree.replaced-base-packages', 'a(vv)');
  const remote = lookupVariant(commit.metadata, 'rpmostree.replaced-base-remote-packages', 'a{sv}');
  const bySource = (remote ?? []) as unknown as [string, Variant][];
  return [
    ...pairs(local, null),
    ...bySource.flatMap(([source, { type, value }]) => (type === 'a(vv)' ? pairs(value, source) : [])),
  ];
}

/** NEVRAs of the base packages that a derived tree leaves out. */
export function removedPackages(commit: Commit): string[] {
  const list = lookupVariant(commit.metadata, 'rpmostree.removed-base-packages', 'av');
  return ((list ?? []) as Variant[]).flatMap((one) => nevraAndName(one)?.nevra ?? []);
}

function pairs(value: unknown, source: string | null): Replacement[] {
  return ((value ?? []) as [Variant, Variant][]).flatMap(([to, from]) => {
    const [now, before] = [nevraAndName(to), nevraAndName(from)];
    return now === null || before === null
      ? []
      : [{ name: before.name, from: before.nevra, to: now.nevra, source }];
  });
}

function nevraAndName({ type, value }: Variant): { readonly nevra: string; readonly name: string } | null {
  if (type !== '(sstsss)') return null;
  const [nevra, name] = value as unknown as [string, string];
  return { nevra, name };
}
