/** Base − removals: takes the files of base packages out of the tree that is composed. */
import { S } from '#native/syscalls.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { treePathOf } from '#layering/import-paths.ts';
import type { Nevra } from '#layering/nevra.ts';
import type { RpmFileEntry } from '#layering/rpm-file-list.ts';

/** A package of the base's database. */
export interface BasePackage {
  readonly nevra: Nevra;
  readonly files: readonly RpmFileEntry[];
}

export interface Removal {
  readonly tree: MutableTree;
  readonly removed: readonly BasePackage[];
  /** Whether a package that stays has this path (as in its header) too. */
  readonly ownedByOthers: (path: string) => boolean;
}

/**
 * Removes the files that no other package of the base has, then the directories that are empty with that.
 * @returns the paths in the tree that are gone
 */
export function removePackages({ tree, removed, ownedByOthers }: Removal): string[] {
  const gone: string[] = [];
  const directories = new Map<string, string>();
  for (const file of removed.flatMap(({ files }) => files)) {
    const path = treePathOf(file.path);
    if (path === null) continue;
    if ((file.mode & S.IFMT) === S.IFDIR) directories.set(path, file.path);
    else if (tree.get(path)?.kind === 'file' && !ownedByOthers(file.path)) {
      tree.remove(path);
      gone.push(path);
    }
  }
  // Longest first: a directory is empty once those below it are gone.
  for (const [path, named] of [...directories].sort(([a], [b]) => b.length - a.length)) {
    const entry = tree.get(path);
    if (entry?.kind !== 'directory' || entry.tree.entries().length > 0 || ownedByOthers(named)) continue;
    tree.remove(path);
    gone.push(path);
  }
  return gone;
}
