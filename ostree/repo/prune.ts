import type { Checksum } from '#ostree/format/checksum.ts';
import { listObjects, type StoredObject } from '#ostree/repo/object-list.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { PackWriter } from '#ostree/repo/packed.ts';
import { isReachable, markCommit, nothingReachable } from '#ostree/repo/reachable.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { lockRepo } from '#ostree/repo/settings.ts';
import { clearStaleStaging } from '#ostree/repo/staging.ts';
import { wantsTombstones, writeTombstones } from '#ostree/repo/tombstone.ts';

export interface PruneOptions {
  /** Keep only what refs (and `roots`) reach; otherwise every commit keeps itself. */
  readonly refsOnly?: boolean;
  /** Generations of parents to keep; -1 (the default) keeps all. */
  readonly depth?: number;
  /** Only count. */
  readonly noPrune?: boolean;
  /** Seconds since the epoch: older commits go, but for those that refs name. */
  readonly keepYoungerThan?: number;
  /** Further commits to keep. */
  readonly roots?: readonly Checksum[];
  /** Commits to remove; what only they need goes too. */
  readonly deleteCommits?: readonly Checksum[];
}

export interface PruneStats {
  readonly total: number;
  readonly pruned: number;
  /** Bytes of the files that went (or would go). */
  readonly freed: number;
}

/**
 * Removes what no commit needs. The repository is locked alone meanwhile. Commits go before their content, so that a
 * crash never leaves a commit with a part of it. @throws UserError BAD_OBJECT, BAD_REF: then nothing is removed
 */
export function prune(repo: Repo, options: PruneOptions = {}): PruneStats {
  const lock = lockRepo(repo, 'exclusive');
  try {
    const objects = listObjects(repo);
    const reachable = reachableObjects(repo, objects, options);
    const doomed = objects.filter(({ checksum, type }) => !isReachable(reachable, checksum, type));
    if (options.noPrune !== true) remove(repo, doomed);
    // Detached metadata belongs to its commit and is not counted.
    const counted = doomed.filter(({ type }) => type !== 'commitmeta');
    return {
      total: objects.filter(({ type }) => type !== 'commitmeta').length,
      pruned: counted.length,
      freed: counted.reduce((sum, { file }) => sum + file.size, 0),
    };
  } finally {
    repo.sys.close(lock);
  }
}

function reachableObjects(
  repo: Repo,
  objects: readonly StoredObject[],
  options: PruneOptions,
): ReturnType<typeof nothingReachable> {
  const heads = [...listRefs(repo).map(({ checksum }) => checksum), ...(options.roots ?? [])];
  const commits = objects.filter(({ type }) => type === 'commit').map(({ checksum }) => checksum);
  const skip = new Set<string>([
    ...(options.deleteCommits ?? []),
    ...tooOld(repo, options, { heads, commits }),
  ]);
  const reachable = nothingReachable();
  const depth = options.depth ?? -1;
  for (const commit of heads) markCommit(repo, reachable, { commit, depth, skip });
  if (options.refsOnly !== true)
    for (const commit of commits)
      if (!reachable.commits.has(commit)) markCommit(repo, reachable, { commit, depth, skip });
  return reachable;
}

function tooOld(
  repo: Repo,
  options: PruneOptions,
  known: { readonly heads: readonly Checksum[]; readonly commits: readonly Checksum[] },
): Checksum[] {
  const limit = options.keepYoungerThan;
  if (limit === undefined) return [];
  const kept = new Set(known.heads);
  return known.commits.filter((commit) => !kept.has(commit) && loadCommit(repo, commit).timestamp < limit);
}

function remove(repo: Repo, doomed: readonly StoredObject[]): void {
  clearStaleStaging(repo);
  const isCommit = ({ type }: StoredObject): boolean => type === 'commit' || type === 'commitmeta';
  if (wantsTombstones(repo))
    writeTombstones(
      repo,
      doomed.filter(({ type }) => type === 'commit').map(({ checksum }) => checksum),
    );
  unlinkAll(repo, doomed.filter(isCommit));
  unlinkAll(
    repo,
    doomed.filter((object) => !isCommit(object)),
  );
  for (const { checksum, type } of doomed)
    if (type === 'commit') repo.sys.removeTree(repo.fd, `state/${checksum}.commitpartial`);
}

function unlinkAll(repo: Repo, doomed: readonly StoredObject[]): void {
  const plan = new PackWriter(doomed.length * 80 + 16);
  for (const { checksum, type } of doomed) plan.text16(objectPath(checksum, type, repo.mode));
  repo.sys.unlinkFiles(repo.objectsFd, plan.finish());
}
