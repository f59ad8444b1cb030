/** The packages that the present tree was made of, from the store: for where no repository has them any more. */
import { lookupVariant } from '#ostree/format/commit.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Change } from '#layering/change.ts';
import { findStored } from '#layering/package-store.ts';
import type { PackageTree } from '#layering/package-tree.ts';

/** Those that are still there; none of a tree that rpm-ostree made. */
export function storedLayers({ system }: Pick<Change, 'system'>): PackageTree[] {
  const { repo } = system.sysroot;
  const { metadata } = loadCommit(repo, system.from.checksum);
  const refs = (lookupVariant(metadata, 'yum-ostree.package-refs', 'as') as string[] | undefined) ?? [];
  return refs.flatMap((ref) => findStored(repo, ref) ?? []);
}

/** The repositories that an earlier request's packages came from; null where it was not asked for before. */
export function earlierSources(change: Pick<Change, 'system'>, request: string): string[] | null {
  const { origin, requestPackages } = change.system;
  if (!origin.requested.includes(request) && !origin.groups.some((id) => `@${id}` === request)) return null;
  const names = requestPackages.get(request) ?? [];
  const found = storedLayers(change).filter(({ nevra }) => names.includes(nevra.name));
  return [...new Set(found.flatMap(({ repoId }) => repoId ?? []))];
}
