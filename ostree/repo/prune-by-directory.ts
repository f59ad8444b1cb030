/** Removing what no ref needs with little memory, for the engine that has neither threads nor much of it. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { objectSuffix, type ObjectType } from '#ostree/repo/object-path.ts';
import { isReachable, markCommit, nothingReachable } from '#ostree/repo/reachable.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { lockRepo } from '#ostree/repo/settings.ts';
import { clearStaleStaging } from '#ostree/repo/staging.ts';

const COMMITS: readonly ObjectType[] = ['commit', 'commitmeta'];
const CONTENT: readonly ObjectType[] = ['dirtree', 'dirmeta', 'file'];

/**
 * As `prune` with `refsOnly`, `depth` 0 and these roots: what is kept is held in memory, what is there is not.
 * Commits go before their content, so that a crash never leaves a commit with a part of it.
 * @returns the number of objects removed (detached metadata belongs to its commit)
 * @throws UserError BAD_OBJECT, BAD_REF: then nothing is removed
 */
export function pruneByDirectory(repo: Repo, roots: readonly Checksum[]): number {
  const lock = lockRepo(repo, 'exclusive');
  try {
    const reachable = nothingReachable();
    for (const commit of [...listRefs(repo).map(({ checksum }) => checksum), ...roots])
      markCommit(repo, reachable, { commit, depth: 0 });
    clearStaleStaging(repo);
    const isNeeded = (checksum: Checksum, type: ObjectType): boolean =>
      isReachable(reachable, checksum, type);
    return removeObjects(repo, COMMITS, isNeeded) + removeObjects(repo, CONTENT, isNeeded);
  } finally {
    repo.sys.close(lock);
  }
}

function removeObjects(
  repo: Repo,
  types: readonly ObjectType[],
  isNeeded: (checksum: Checksum, type: ObjectType) => boolean,
): number {
  const { sys, objectsFd } = repo;
  const suffixes = types.map((type) => [type, objectSuffix(type, repo.mode)] as const);
  let removed = 0;
  for (const { name: directory, kind } of sys.readdir(objectsFd, '.')) {
    if (kind !== 'directory' || directory.length !== 2) continue;
    for (const { name } of sys.readdir(objectsFd, directory)) {
      const found = suffixes.find(([, suffix]) => name.endsWith(suffix));
      if (found === undefined) continue;
      const [type, suffix] = found;
      const checksum = directory + name.slice(0, -suffix.length);
      if (isNeeded(checksum as Checksum, type) || !isChecksum(checksum)) continue;
      sys.unlink(objectsFd, `${directory}/${name}`);
      if (type !== 'commitmeta') removed += 1;
    }
  }
  return removed;
}
