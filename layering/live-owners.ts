/** Who brought a file of the tree that runs, as its rpm database says. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { formatNevra } from '#layering/nevra.ts';
import { diffPackages, type PackageDiff } from '#layering/package-diff.ts';
import { PackageLookup } from '#layering/running-packages.ts';
import { treePackages } from '#layering/tree-packages.ts';
import type { LiveRecord } from '#layering/live-record.ts';

/** What stands for an owner where the tree has no database to ask. */
const UNKNOWN_OWNER = 'the tree';

/** null where one of the trees has no rpm database. */
export function packageDiff(sysroot: Sysroot, from: Checksum, to: Checksum): PackageDiff | null {
  try {
    return diffPackages(treePackages(sysroot, from), treePackages(sysroot, to));
  } catch (error) {
    if (['NO_RPMDB', 'BAD_RPMDB', 'NO_OBJECT'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}

/** Runs `action` with a look-up of owners; without a database every file is somebody's. */
export function withOwners<T>(
  { repo }: Pick<Sysroot, 'repo'>,
  tree: { readonly commit: Checksum; readonly hasDatabase: boolean },
  action: (ownersOf: (path: string) => readonly string[]) => T,
): T {
  const packages = new PackageLookup();
  try {
    return action((path) =>
      tree.hasDatabase ? packages.bringersInCommit(repo, tree.commit, path) : [UNKNOWN_OWNER],
    );
  } finally {
    packages.close();
  }
}

export function recordedPackages(diff: PackageDiff | null): LiveRecord['packages'] {
  return {
    added: (diff?.added ?? []).map(formatNevra),
    removed: (diff?.removed ?? []).map(formatNevra),
    replaced: [...(diff?.upgraded ?? []), ...(diff?.downgraded ?? [])].map(
      ({ from, to }) => `${formatNevra(from)} -> ${formatNevra(to)}`,
    ),
  };
}
