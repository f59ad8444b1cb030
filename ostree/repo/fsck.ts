import type { Checksum } from '#ostree/format/checksum.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { listObjects, type StoredObject } from '#ostree/repo/object-list.ts';
import { objectPath, type ObjectType } from '#ostree/repo/object-path.ts';
import { hasObject, loadCommit, loadMetadataBytes } from '#ostree/repo/objects.ts';
import { isReachable, markCommit, nothingReachable, type Reachable } from '#ostree/repo/reachable.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { verifyObjects } from '#ostree/repo/verify.ts';

export interface FsckOptions {
  /** Go on after the first damaged object. */
  readonly all?: boolean;
  /** Remove damaged objects (their commits become partial). */
  readonly delete?: boolean;
  /** List the commits whose parents are not there, which reads all commits once more. */
  readonly findParentless?: boolean;
  /** Called with the number of commits before objects are verified, then after each batch. */
  readonly onProgress?: (progress: FsckProgress) => void;
}

export type FsckProgress =
  | { readonly kind: 'commits'; readonly commits: number }
  | { readonly kind: 'objects'; readonly done: number; readonly total: number };

export type Problem =
  | { readonly kind: 'bad-ref'; readonly refspec: string; readonly reason: string }
  | {
      readonly kind: 'missing' | 'damaged';
      readonly checksum: Checksum;
      readonly type: ObjectType;
      readonly reason: string;
      /** The commits that need it. */
      readonly commits: readonly Checksum[];
    };

export interface FsckReport {
  /** Commits whose objects were verified. */
  readonly commits: number;
  /** Commits that are marked as incomplete and were not verified. */
  readonly partial: number;
  /** Partial commits that an earlier check marked. */
  readonly partialFromFsck: number;
  /** Commits, of all, whose parents are not there, and that no ref names; empty where they were not asked for. */
  readonly parentless: readonly Checksum[];
  /** Commits that this check marked as partial. */
  readonly marked: readonly Checksum[];
  readonly problems: readonly Problem[];
}

const BATCH = 4000;
/** What a `.commitpartial` file holds where a check made it. */
const FSCK_MARK = 'f';

/** Verifies that every ref has its commit and every commit all its objects, each with the content its name says. */
export function fsck(repo: Repo, options: FsckOptions = {}): FsckReport {
  const refProblems = checkRefs(repo);
  if (refProblems.length > 0 && options.all !== true && options.delete !== true)
    return report({ problems: refProblems });
  const objects = listObjects(repo, 'all');
  const commits = objects.filter(({ type }) => type === 'commit').map(({ checksum }) => checksum);
  const partial = new Map(commits.map((commit) => [commit, partialMark(repo, commit)] as const));
  const whole = commits.filter((commit) => partial.get(commit) === null);
  options.onProgress?.({ kind: 'commits', commits: whole.length });
  const reachable = nothingReachable();
  const broken = markAll(repo, reachable, whole);
  const missing = missingObjects(objects, reachable).filter(
    ({ checksum, type }) => !isInParent(repo, checksum, type),
  );
  const damaged = verifyReachable(repo, { objects, reachable, options });
  const known = new Set(damaged.map(({ checksum }) => checksum));
  const found = [...broken.filter(({ checksum }) => !known.has(checksum)), ...missing, ...damaged];
  const problems = [...refProblems, ...found.map((problem) => withCommits(repo, problem, whole))];
  if (options.delete === true)
    removeDamaged(repo, [...damaged, ...broken.filter(({ checksum }) => !isSoundCommit(repo, checksum))]);
  return report({
    commits: whole.length,
    partial: commits.length - whole.length,
    partialFromFsck: [...partial.values()].filter((mark) => mark === FSCK_MARK).length,
    parentless: options.findParentless === true ? parentlessCommits(repo, commits) : [],
    marked: markPartial(repo, problems, { missingOnly: options.delete !== true }),
    problems,
  });
}

function report(parts: Partial<FsckReport>): FsckReport {
  return {
    commits: 0,
    partial: 0,
    partialFromFsck: 0,
    parentless: [],
    marked: [],
    problems: [],
    ...parts,
  };
}

function parentlessCommits(repo: Repo, commits: readonly Checksum[]): Checksum[] {
  const named = new Set(listRefs(repo).map(({ checksum }) => checksum));
  return commits.filter((commit) => {
    if (named.has(commit) || !hasObject(repo, commit, 'commit')) return false;
    try {
      const { parent } = loadCommit(repo, commit);
      return parent !== null && !hasObject(repo, parent, 'commit');
    } catch {
      // It is among the problems.
      return false;
    }
  });
}

interface Found {
  readonly kind: 'missing' | 'damaged';
  readonly checksum: Checksum;
  readonly type: ObjectType;
  readonly reason: string;
}

function checkRefs(repo: Repo): Problem[] {
  return listRefs(repo).flatMap(({ refspec, checksum }): Problem[] => {
    try {
      verifyCommit(repo, checksum);
      return [];
    } catch (error) {
      return [{ kind: 'bad-ref', refspec, reason: messageOf(error) }];
    }
  });
}

/** @throws UserError NO_OBJECT; CORRUPTION before what the damage makes of its structure */
function verifyCommit(repo: Repo, commit: Checksum): void {
  const hash = repo.sys.sha256();
  hash.update(loadMetadataBytes(repo, commit, 'commit'));
  const actual = hash.digest();
  if (actual !== commit)
    throw new UserError(
      'CORRUPTION',
      `Corrupted commit object; checksum expected='${commit}' actual='${actual}'`,
    );
  loadCommit(repo, commit);
}

function isSoundCommit(repo: Repo, commit: Checksum): boolean {
  try {
    verifyCommit(repo, commit);
    return true;
  } catch {
    return false;
  }
}

/** Marks what the commits need; a dirtree that cannot be followed is a problem of its own. */
function markAll(repo: Repo, reachable: Reachable, commits: readonly Checksum[]): Found[] {
  return commits.flatMap((commit): Found[] => {
    try {
      markCommit(repo, reachable, { commit, depth: 0 });
      return [];
    } catch (error) {
      return [{ kind: 'damaged', checksum: commit, type: 'commit', reason: messageOf(error) }];
    }
  });
}

function isInParent({ parent }: Repo, checksum: Checksum, type: ObjectType): boolean {
  return parent !== null && hasObject(parent, checksum, type);
}

function missingObjects(objects: readonly StoredObject[], reachable: Reachable): Found[] {
  const present = new Set(objects.map(({ checksum, type }) => `${checksum}.${type}`));
  const wanted: readonly (readonly [ObjectType, ReadonlySet<Checksum>])[] = [
    ['commit', reachable.commits],
    ['dirtree', reachable.dirtrees],
    ['dirmeta', reachable.dirmetas],
    ['file', reachable.files],
  ];
  return wanted.flatMap(([type, checksums]) =>
    [...checksums]
      .filter((checksum) => !present.has(`${checksum}.${type}`))
      .map((checksum): Found => ({
        kind: 'missing',
        checksum,
        type,
        reason: 'missing',
      })),
  );
}

function verifyReachable(
  repo: Repo,
  job: {
    readonly objects: readonly StoredObject[];
    readonly reachable: Reachable;
    readonly options: FsckOptions;
  },
): Found[] {
  const wanted = job.objects.filter(
    ({ checksum, type }) => type !== 'commitmeta' && isReachable(job.reachable, checksum, type),
  );
  const found: Found[] = [];
  for (let at = 0; at < wanted.length; at += BATCH) {
    const damages = verifyObjects(repo, wanted.slice(at, at + BATCH));
    found.push(...damages.map((damage): Found => ({ kind: 'damaged', ...damage })));
    const done = Math.min(at + BATCH, wanted.length);
    job.options.onProgress?.({ kind: 'objects', done, total: wanted.length });
    if (found.length > 0 && job.options.all !== true && job.options.delete !== true) break;
  }
  return found;
}

function withCommits(repo: Repo, found: Found, commits: readonly Checksum[]): Problem {
  const needing = commits.filter((commit) => {
    const reachable = nothingReachable();
    try {
      markCommit(repo, reachable, { commit, depth: 0 });
    } catch {
      // Incomplete marks still tell what was reached.
    }
    return isReachable(reachable, found.checksum, found.type);
  });
  return { ...found, commits: needing };
}

function removeDamaged(repo: Repo, damaged: readonly Found[]): void {
  for (const { checksum, type } of damaged)
    repo.sys.removeTree(repo.objectsFd, objectPath(checksum, type, repo.mode));
}

function markPartial(
  repo: Repo,
  problems: readonly Problem[],
  options: { readonly missingOnly: boolean },
): Checksum[] {
  const commits = new Set<Checksum>();
  for (const problem of problems)
    if (problem.kind === 'missing' || (problem.kind === 'damaged' && !options.missingOnly))
      for (const commit of problem.commits) commits.add(commit);
  for (const commit of commits) writeMark(repo, commit);
  return [...commits];
}

function writeMark(repo: Repo, commit: Checksum): void {
  const fd = repo.sys.open(repo.fd, markPath(commit), ['write', 'create', 'truncate'], 0o644);
  try {
    repo.sys.write(fd, FSCK_MARK);
  } finally {
    repo.sys.close(fd);
  }
}

function partialMark(repo: Repo, commit: Checksum): string | null {
  return repo.sys.readText(repo.fd, markPath(commit));
}

function markPath(commit: Checksum): string {
  return `state/${commit}.commitpartial`;
}
