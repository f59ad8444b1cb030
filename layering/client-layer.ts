/** What rpm-ostree records of a tree that it layered itself: such a tree is continued from as one of ours. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant, type Commit } from '#ostree/format/commit.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';

export interface ClientLayer {
  readonly baseCommit: Checksum;
  /** The requests that are active: specs. */
  readonly packages: readonly string[];
}

/** null for a commit that is no layer of rpm-ostree. */
export function readClientLayer(commit: Commit): ClientLayer | null {
  const isLayer = lookupVariant(commit.metadata, 'rpmostree.clientlayer', 'b') === true;
  if (!isLayer || commit.parent === null) return null;
  const packages = lookupVariant(commit.metadata, 'rpmostree.packages', 'as') as string[] | undefined;
  return { baseCommit: commit.parent, packages: packages ?? [] };
}

/** All packages of a tree as rpm-ostree's composes and layers list them; null where the commit does not. */
export function recordedPackages(commit: Commit): Nevra[] | null {
  const list = lookupVariant(commit.metadata, 'rpmostree.rpmdb.pkglist', 'a(sssss)');
  if (list === undefined) return null;
  return (list as [string, string, string, string, string][]).map(
    ([name, epoch, version, release, arch]) => ({ name, epoch: Number(epoch), version, release, arch }),
  );
}

/** NEVRAs that a layer has and its base has not, without those that stand in for others; none where a list is missing. */
export function addedPackages(layer: Commit, base: Commit, replacing: readonly string[]): string[] {
  const [after, before] = [recordedPackages(layer), recordedPackages(base)];
  if (after === null || before === null) return [];
  const known = new Set([...before.map(formatNevra), ...replacing]);
  return after.map(formatNevra).filter((nevra) => !known.has(nevra));
}
