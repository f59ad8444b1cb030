/** `ostree pull`: commits of a remote, verified, with all they need; then the refs. */
import fs from 'node:fs';
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { decodeCommit, lookupVariant, type Commit } from '#ostree/format/commit.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { parse, type VariantDict } from '#ostree/format/gvariant.ts';
import {
  hasObject,
  loadCommit,
  loadMetadataBytes,
  readDetachedMetadata,
  writeDetachedMetadata,
} from '#ostree/repo/objects.ts';
import { isPartial, markPartial, unmarkPartial } from '#ostree/repo/partial.ts';
import { fetchMetadata, pullTrees, type ObjectPull, type PullCounts } from '#ostree/repo/pull-objects.ts';
import { requirePullSpace } from '#ostree/repo/pull-space.ts';
import { resolveWanted, type ResolvedRef, type WantedRef } from '#ostree/repo/pull-refs.ts';
import type { PullSource } from '#ostree/repo/pull-source.ts';
import { readRef } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { decodeSummary, type Summary } from '#ostree/repo/summary.ts';
import { removeTombstone } from '#ostree/repo/tombstone.ts';
import { Transaction } from '#ostree/repo/transaction.ts';

export interface PullRequest {
  /** The remote that the refs are filed under; null where they become refs of this repository (a mirror). */
  readonly remote: string | null;
  readonly source: PullSource;
  readonly caches?: readonly PullSource[];
  /** Empty: what the remote is configured for or, in a mirror, all there is. */
  readonly wanted: readonly WantedRef[];
  readonly depth?: number;
  readonly subpaths?: readonly string[];
  readonly commitsOnly?: boolean;
  readonly bareUserOnly?: boolean;
  /** Refuse commits that are older than what the ref named before, or than this one. */
  readonly timestampCheck?: { readonly from: Checksum | null };
  /** Checks a commit. @throws UserError BAD_SIGNATURE */
  verifyCommit?(commit: Checksum, bytes: Uint8Array, detached: VariantDict | null): void;
  /** Checks the summary; null where none of that is asked for. @throws UserError BAD_SIGNATURE */
  readonly verifySummary: ((bytes: Uint8Array, signatures: VariantDict | null) => void) | null;
  readonly signal?: AbortSignal;
}

export interface PullOutcome {
  readonly refs: readonly ResolvedRef[];
  readonly counts: PullCounts;
}

/**
 * Pulls. A crash or a failure leaves the refs as they were, and objects of commits that are marked as partial: the next
 * pull goes on from there.
 * @throws UserError FETCH_FAILED, NO_REV, NO_OBJECT, BAD_OBJECT, BAD_SIGNATURE, OLDER_COMMIT, NO_SPACE
 */
export async function pullRemote(repo: Repo, request: PullRequest): Promise<PullOutcome> {
  const counts = {
    metadataFetched: 0,
    metadataLocal: 0,
    contentFetched: 0,
    contentLocal: 0,
    bytesWritten: 0,
  };
  const needsSummary = request.verifySummary !== null || request.wanted.length === 0;
  const wantsSummary = needsSummary || request.wanted.some(({ checksum }) => checksum === null);
  const fetched = wantsSummary ? await fetchSummary(request) : null;
  const wanted = request.wanted.length > 0 ? request.wanted : allRefs(request, fetched?.summary ?? null);
  const refs = await resolveWanted(request.source, wanted, fetched?.summary ?? null);
  const scratch = makeScratch(repo);
  try {
    const pull: ObjectPull = {
      repo,
      source: request.source,
      caches: request.caches ?? [],
      subpaths: request.subpaths ?? [],
      bareUserOnly: request.bareUserOnly === true || repo.mode === 'bare-user-only',
      scratch,
      signal: request.signal,
      counts,
    };
    const commits = await pullCommits(pull, request, refs);
    if (request.commitsOnly !== true) await pullContent(pull, commits);
    finish(repo, request, { refs, commits });
  } finally {
    repo.sys.removeTree(AT_FDCWD, scratch);
  }
  if (request.remote === null && request.wanted.length === 0 && fetched !== null) keepSummary(repo, fetched);
  return { refs, counts };
}

interface FetchedSummary {
  readonly summary: Summary;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array | null;
}

/** @throws UserError BAD_SIGNATURE where one is required and there is none */
export async function fetchSummary(
  request: Pick<PullRequest, 'source' | 'verifySummary'>,
): Promise<FetchedSummary | null> {
  const signature = request.verifySummary === null ? null : await request.source.file('summary.sig');
  const bytes = await request.source.file('summary');
  if (bytes === null) {
    if (request.verifySummary === null) return null;
    throw new UserError('BAD_SIGNATURE', 'GPG verification enabled, but no summary found', {
      hint: 'gpg-verify-summary=false in the remote’s configuration turns that off',
    });
  }
  request.verifySummary?.(bytes, signature === null ? null : parseSignatures(signature));
  return { summary: decodeSummary(bytes), bytes, signature };
}

/** What is no `a{sv}` holds no signatures. */
export function parseSignatures(bytes: Uint8Array): VariantDict | null {
  try {
    return parse('a{sv}', bytes) as unknown as VariantDict;
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

function allRefs(request: PullRequest, summary: Summary | null): WantedRef[] {
  if (request.remote !== null)
    throw new UserError('USAGE', `No configured branches for remote ${request.remote}`, {
      hint: 'name the refs to pull',
    });
  if (summary === null)
    throw new UserError(
      'NO_REV',
      'Fetching all refs was requested in mirror mode, but remote repository does not have a summary',
    );
  return summary.refs.map(({ name }) => ({ ref: name, checksum: null }));
}

interface PulledCommit {
  readonly checksum: Checksum;
  readonly commit: Commit;
  /** From the source, where it is new; it is stored before the first of its objects. */
  readonly bytes: Uint8Array | null;
  readonly detached: VariantDict | null;
}

/** The commits and their parents as deep as asked; verified, not stored yet. */
async function pullCommits(
  pull: ObjectPull,
  request: PullRequest,
  refs: readonly ResolvedRef[],
): Promise<PulledCommit[]> {
  const found = new Map<Checksum, PulledCommit>();
  for (const { ref, checksum } of refs) {
    let next: Checksum | null = checksum;
    for (let left = request.depth ?? 0; next !== null; left--) {
      const isParent: boolean = next !== checksum;
      const one: PulledCommit | null =
        found.get(next) ?? (await pullCommit(pull, request, { checksum: next, isParent }));
      // History that the other side does not have is no error.
      if (one === null) break;
      if (!isParent) checkCommit(pull.repo, request, { ref, one });
      found.set(next, one);
      next = left === 0 ? null : one.commit.parent;
    }
  }
  return [...found.values()];
}

async function pullCommit(
  pull: ObjectPull,
  request: PullRequest,
  { checksum, isParent }: { readonly checksum: Checksum; readonly isParent: boolean },
): Promise<PulledCommit | null> {
  pull.signal?.throwIfAborted();
  const beside = await pull.source.metadata(checksum, 'commitmeta');
  pull.counts.metadataFetched++;
  const detached = beside === null ? null : parseSignatures(beside);
  const stored = hasObject(pull.repo, checksum, 'commit');
  const bytes = stored
    ? loadMetadataBytes(pull.repo, checksum, 'commit')
    : await fetchMetadata(pull, checksum, 'commit');
  if (bytes === null) {
    if (isParent) return null;
    throw new UserError('NO_OBJECT', `${pull.source.name} has no object ${checksum}.commit (404: not found)`);
  }
  request.verifyCommit?.(
    checksum,
    bytes,
    detached ?? (stored ? readDetachedMetadata(pull.repo, checksum) : null),
  );
  return { checksum, commit: decodeCommit(bytes), bytes: stored ? null : bytes, detached };
}

function checkCommit(
  repo: Repo,
  request: PullRequest,
  { ref, one }: { readonly ref: string | null; readonly one: PulledCommit },
): void {
  if (ref !== null) checkBinding(one, ref);
  if (request.timestampCheck === undefined) return;
  const before =
    request.timestampCheck.from ?? (ref === null ? null : readRef(repo, refspecOf(request, ref)));
  if (before !== null && hasObject(repo, before, 'commit'))
    refuseOlder({ checksum: before, commit: loadCommit(repo, before) }, one);
}

/** @throws UserError OLDER_COMMIT */
export function refuseOlder(
  before: { readonly checksum: Checksum; readonly commit: Commit },
  after: { readonly checksum: Checksum; readonly commit: Commit },
): void {
  const [from, to] = [before.commit.timestamp, after.commit.timestamp];
  if (to >= from) return;
  const shown = (seconds: number): string => new Date(seconds * 1000).toUTCString();
  throw new UserError(
    'OLDER_COMMIT',
    `Upgrade target revision '${after.checksum}' with timestamp '${shown(to)}' is chronologically older than current revision '${before.checksum}' with timestamp '${shown(from)}'`,
    { hint: '--allow-downgrade permits it' },
  );
}

/** A commit says for which refs it was made; under another name it is refused. */
function checkBinding({ checksum, commit }: PulledCommit, ref: string): void {
  const bound = lookupVariant(commit.metadata, 'ostree.ref-binding', 'as') as string[] | undefined;
  if (bound === undefined || bound.includes(ref)) return;
  throw new UserError(
    'BAD_BINDING',
    `Commit ${checksum} has no requested ref '${ref}' in ref binding metadata (${bound.map((one) => `'${one}'`).join(', ')})`,
  );
}

async function pullContent(pull: ObjectPull, commits: readonly PulledCommit[]): Promise<void> {
  const open = commits.filter(({ checksum, bytes }) => bytes !== null || isPartial(pull.repo, checksum));
  if (open.length === 0) return;
  if (pull.subpaths.length === 0)
    requirePullSpace(
      pull.repo,
      open.map(({ commit }) => commit),
    );
  for (const { checksum } of open) markPartial(pull.repo, checksum);
  storeCommits(pull.repo, open);
  await pullTrees(
    pull,
    open.map(({ commit }) => ({ contents: commit.rootContents, meta: commit.rootMeta })),
  );
}

/** What is marked as partial before may be stored before its content. */
function storeCommits(repo: Repo, commits: readonly PulledCommit[]): void {
  const txn = Transaction.begin(repo);
  try {
    for (const { bytes } of commits) if (bytes !== null) txn.writeMetadata('commit', bytes);
    txn.commit();
  } finally {
    txn.abort();
  }
}

function finish(
  repo: Repo,
  request: PullRequest,
  { refs, commits }: { readonly refs: readonly ResolvedRef[]; readonly commits: readonly PulledCommit[] },
): void {
  if (request.commitsOnly === true) {
    const fresh = commits.filter(({ bytes }) => bytes !== null);
    for (const { checksum } of fresh) markPartial(repo, checksum);
    storeCommits(repo, fresh);
  }
  for (const { checksum, detached } of commits)
    if (detached !== null) writeDetachedMetadata(repo, checksum, detached);
  const txn = Transaction.begin(repo);
  try {
    for (const { ref, checksum } of refs) if (ref !== null) setIfNew(txn, refspecOf(request, ref), checksum);
    txn.commit();
  } finally {
    txn.abort();
  }
  const isWhole = request.commitsOnly !== true && (request.subpaths ?? []).length === 0;
  for (const { checksum } of commits) {
    if (isWhole) unmarkPartial(repo, checksum);
    removeTombstone(repo, checksum);
  }
}

function setIfNew(txn: Transaction, refspec: string, checksum: Checksum): void {
  if (readRef(txn.repo, refspec) !== checksum) txn.setRef(refspec, checksum);
}

function refspecOf({ remote }: PullRequest, ref: string): string {
  return remote === null ? ref : `${remote}:${ref}`;
}

/** A mirror of everything has the original's summary and its signature too. */
function keepSummary(repo: Repo, { bytes, signature }: FetchedSummary): void {
  if (repo.mode !== 'archive') return;
  for (const [name, content] of [['summary.sig', signature] as const, ['summary', bytes] as const]) {
    if (content === null) continue;
    fs.writeFileSync(`${repo.path}/.${name}.new`, content);
    fs.renameSync(`${repo.path}/.${name}.new`, `${repo.path}/${name}`);
  }
}

function makeScratch(repo: Repo): string {
  const path = `${repo.path}/tmp/pull-${repo.sys.getpid()}-${repo.sys.randomHex(3)}`;
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    throw new UserError('NO_REPO', `${path} cannot be made (${codeOf(cause) ?? ''})`, { cause });
  }
  return path;
}
