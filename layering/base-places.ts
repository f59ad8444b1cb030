/** Places that packages come into only where the base has a directory there: /usr/local. */
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { notAllowed } from '#layering/import-paths.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { isGhost, readFileList } from '#layering/rpm-file-list.ts';
import type { RpmHeader } from '#layering/rpm-header.ts';
import { S } from '#native/syscalls.ts';

/** In most bases a link into /var; a directory where the base keeps /usr/local with the system, such as with state overlays. */
const LOCAL = 'usr/local';

/** What of packages stays out of a tree on this base, by path in the tree. */
export function closedPlaces(base: MutableTree): ReadonlySet<string> {
  return new Set(base.get(LOCAL)?.kind === 'directory' ? [] : [LOCAL]);
}

/** @throws UserError PATH_NOT_ALLOWED naming all files of packages that lie in such a place; directories are only left out */
export function checkPlaces(
  closed: ReadonlySet<string>,
  packages: readonly { readonly nevra: Nevra; readonly header: RpmHeader }[],
): void {
  const problems = collectProblems();
  for (const { nevra, header } of closed.size === 0 ? [] : packages)
    for (const file of readFileList(header)) {
      if (!file.path.startsWith(`/${LOCAL}/`) || (file.mode & S.IFMT) === S.IFDIR || isGhost(file)) continue;
      problems.attempt(() => {
        throw notAllowed(file, formatNevra(nevra), 'in this base /usr/local belongs to the administrator');
      });
    }
  problems.throwIfAny();
}
