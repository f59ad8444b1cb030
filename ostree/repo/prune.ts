import type { Checksum } from '#ostree/format/checksum.ts';
import { listObjects, type StoredObject } from '#ostree/repo/object-list.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { PackWriter } from '#ostree/repo/packed.ts';
import { isReachable, markCommit, nothingReachable, type Reachable } from '#ostree/repo/reachable.ts';
import { listRefs, type Ref } from '#ostree/repo/refs.ts';
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
  /** Seconds since the epoch: of each ref's history what is younger stays, and the commit it names; nothing else. */
  readonly keepYoungerThan?: number;
  /** By ref: so many generations of its parents stay (-1: all), whatever else is asked for. */
  readonly retainedDepths?: ReadonlyMap<string, number>;
  /** The history of all other refs stays. */
  readonly onlyRefs?: ReadonlySet<string>;
  /** Commits alone are looked at and removed; what they need stays. */
  readonly commitsOnly?: boolean;
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
    const isCommit = ({ type }: StoredObject): boolean => type === 'commit' || type === 'commitmeta';
    const objects = listObjects(repo).filter((one) => options.commitsOnly !== true || isCommit(one));
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

type Mark = (commit: Checksum, depth: number) => void;

function reachableObjects(repo: Repo, objects: readonly StoredObject[], options: PruneOptions): Reachable {
  const reachable = nothingReachable();
  const skip = new Set<string>(options.deleteCommits ?? []);
  const commitsOnly = options.commitsOnly === true;
  const mark: Mark = (commit, depth) => markCommit(repo, reachable, { commit, depth, skip, commitsOnly });
  const depth = options.depth ?? -1;
  for (const ref of listRefs(repo)) markRef(repo, ref, { options, mark });
  for (const commit of options.roots ?? []) mark(commit, depth);
  const chosen = options.keepYoungerThan ?? options.retainedDepths ?? options.onlyRefs;
  if (options.refsOnly === true || chosen !== undefined) return reachable;
  for (const { checksum, type } of objects)
    if (type === 'commit' && !reachable.commits.has(checksum)) mark(checksum, depth);
  return reachable;
}

/** What stays of a ref's history. Where several options name it they add up, as in ostree. */
function markRef(
  repo: Repo,
  { refspec, checksum }: Ref,
  { options, mark }: { readonly options: PruneOptions; readonly mark: Mark },
): void {
  const { onlyRefs, keepYoungerThan, depth = -1 } = options;
  const isOther = onlyRefs !== undefined && !onlyRefs.has(refspec);
  const retained = options.retainedDepths?.get(refspec) ?? (isOther ? -1 : undefined);
  if (retained !== undefined) mark(checksum, retained < -1 ? 0 : retained);
  if (keepYoungerThan === undefined) {
    if (retained === undefined || depth !== -1) mark(checksum, depth);
  } else if (retained === undefined || onlyRefs === undefined)
    for (const commit of youngerCommits(repo, checksum, keepYoungerThan)) mark(commit, 0);
}

/** A commit, and of its parents those before the first that is older. */
function youngerCommits(repo: Repo, head: Checksum, limit: number): Checksum[] {
  const found = [head];
  let commit = loadCommitIfThere(repo, head);
  while (commit !== null && commit.timestamp >= limit && commit.parent !== null) {
    const { parent } = commit;
    commit = loadCommitIfThere(repo, parent);
    if (commit !== null && commit.timestamp >= limit) found.push(parent);
  }
  return found;
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
