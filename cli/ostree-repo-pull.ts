/** `ostree pull`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { keyValue } from '#cli/ostree-repo-commit-metadata.ts';
import { sizeText } from '#cli/size-text.ts';
import { collect, repoVerb, wholeNumber, withoutSync, withRepoAsync } from '#cli/ostree-repo-open.ts';
import { openSource, type OpenSource } from '#cli/ostree-repo-remote-source.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import { OSTREE_VERSION } from '#ostree/format/version.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { FetchOptions } from '#ostree/repo/http-fetch.ts';
import { parseWantedRef, type WantedRef } from '#ostree/repo/pull-refs.ts';
import { pullRemote, type PullOutcome, type PullRequest } from '#ostree/repo/pull-remote.ts';
import { localSource } from '#ostree/repo/pull-source.ts';
import { signatureChecks } from '#ostree/repo/pull-trust.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { findRemote, type Remote } from '#ostree/repo/remote.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';

interface PullFlags {
  readonly mirror?: boolean;
  readonly depth?: number;
  readonly subpath?: readonly string[];
  readonly commitMetadataOnly?: boolean;
  readonly bareuseronlyFiles?: boolean;
  readonly requireStaticDeltas?: boolean;
  readonly dryRun?: boolean;
  readonly disableFsync?: boolean;
  readonly url?: string;
  readonly httpHeader?: readonly string[];
  readonly appendUserAgent?: string;
  readonly networkRetries?: number;
  readonly localcacheRepo?: readonly string[];
  readonly timestampCheck?: boolean;
  readonly timestampCheckFromRev?: string;
}

export function addPullVerb(program: Command, context: CliContext): void {
  const verb = repoVerb(program, 'pull <remote> [refs...]', 'get commits from a remote')
    .option('--mirror', 'refs as the remote has them; all of them where none is named')
    .option('--depth <n>', 'generations of parents to get too (-1: all)', wholeNumber)
    .option('--subpath <path>', 'only this part of the tree', collect)
    .option('--commit-metadata-only', 'only the commit objects')
    .option('--bareuseronly-files', 'refuse files with modes outside of 0775')
    .option('--url <url>', 'get the objects from there')
    .option('--http-header <name=value>', 'send this header', collect)
    .option('--append-user-agent <text>', 'say this after our own name')
    .option('--network-retries <n>', 'how often to try again (default: 5)', wholeNumber)
    .option('-L, --localcache-repo <path>', 'look there for objects first', collect)
    .option('-T, --timestamp-check', 'refuse commits older than the present ones')
    .option('--timestamp-check-from-rev <rev>', 'refuse commits older than that one')
    .option('--disable-fsync', 'do not make the objects durable');
  for (const option of ['--require-static-deltas', '--dry-run'])
    verb.option(option, 'needs static deltas, which are not supported');
  for (const option of [
    '--disable-static-deltas',
    '--per-object-fsync',
    '--untrusted',
    '--http-trusted',
    '--disable-verify-bindings',
  ])
    verb.option(option, 'accepted');
  verb.option('--cache-dir <directory>', 'accepted').option('--update-frequency <ms>', 'accepted');
  verb.action((remote: string, refs: string[], flags: PullFlags, command: Command) =>
    withRepoAsync(context, command, async (repo) => {
      const target = flags.disableFsync === true ? withoutSync(repo) : repo;
      await pull(context, target, { remote, refs, flags, command });
    }),
  );
}

interface Invocation {
  readonly remote: string;
  readonly refs: readonly string[];
  readonly flags: PullFlags;
  readonly command: Command;
}

async function pull(context: CliContext, repo: Repo, invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  if (flags.requireStaticDeltas === true || flags.dryRun === true) refuseDeltas(repo);
  const started = Date.now();
  const { name, refs } = splitRemote(invocation);
  const remote = findRemote(repo, name, remotesDirectory(context, invocation.command));
  const wanted = (refs.length > 0 || flags.mirror === true ? refs : remote.branches).map(parseWantedRef);
  const caches = (flags.localcacheRepo ?? []).map((path) => openRepo(context.sys, path));
  const opened = await openSource(context, repo, remote, { ...fetchOptions(flags), url: flags.url });
  try {
    const request = { ...pullRequest(context, repo, { remote, flags, wanted }), source: opened.source };
    const outcome = await pullRemote(repo, { ...request, caches: caches.map(localSource) });
    context.out(outcomeText(outcome, opened, { seconds: Math.round((Date.now() - started) / 1000) }));
  } finally {
    opened.close();
    for (const cache of caches) closeRepo(cache);
  }
}

function refuseDeltas(repo: Repo): never {
  if (repo.mode === 'archive') throw new UserError('NO_DELTAS', "Can't use static deltas in an archive repo");
  throw new UserError('NO_DELTAS', 'Static deltas required, but none found: they are not supported', {
    hint: 'without --require-static-deltas the objects are fetched one by one',
  });
}

/** `REMOTE REF…` or `REMOTE:REF`. */
function splitRemote({ remote, refs }: Invocation): {
  readonly name: string;
  readonly refs: readonly string[];
} {
  const colon = remote.indexOf(':');
  if (colon < 0 || refs.length > 0) return { name: remote, refs };
  return { name: remote.slice(0, colon), refs: [remote.slice(colon + 1)] };
}

function fetchOptions(flags: PullFlags): FetchOptions {
  return {
    headers: (flags.httpHeader ?? []).map((pair) => keyValue(pair, '--http-header')),
    userAgent: `libostree/${OSTREE_VERSION}${flags.appendUserAgent === undefined ? '' : ` ${flags.appendUserAgent}`}`,
    ...(flags.networkRetries === undefined ? {} : { retries: flags.networkRetries }),
  };
}

function pullRequest(
  context: CliContext,
  repo: Repo,
  {
    remote,
    flags,
    wanted,
  }: { readonly remote: Remote; readonly flags: PullFlags; readonly wanted: readonly WantedRef[] },
): Omit<PullRequest, 'source'> {
  const from = flags.timestampCheckFromRev;
  const checksAge = flags.timestampCheck === true || from !== undefined;
  return {
    remote: flags.mirror === true ? null : remote.name,
    wanted,
    ...(flags.depth === undefined ? {} : { depth: flags.depth }),
    subpaths: flags.subpath ?? [],
    commitsOnly: flags.commitMetadataOnly === true,
    bareUserOnly: flags.bareuseronlyFiles === true,
    ...(checksAge ? { timestampCheck: { from: from === undefined ? null : resolveRev(repo, from) } } : {}),
    ...pullChecks(context, repo, remote),
  };
}

/** As `signatureChecks`, with the keys that this run trusts. */
export function pullChecks(
  context: CliContext,
  repo: Repo,
  remote: Remote,
): Pick<PullRequest, 'verifyCommit' | 'verifySummary'> {
  return signatureChecks(repo, remote, { globalDirectory: context.env['OSTREE_GPG_HOME'] });
}

/** One line about what came. */
export function outcomeText(
  { counts }: PullOutcome,
  opened: Pick<OpenSource, 'transferred'>,
  { seconds }: { readonly seconds: number },
): string {
  const { metadataFetched, metadataLocal, contentFetched, contentLocal, bytesWritten } = counts;
  const bytes = opened.transferred();
  const written = `${sizeText(bytesWritten)} content written`;
  if (bytes === null)
    return `${metadataFetched} metadata, ${contentFetched} content objects imported; ${written}\n`;
  const local =
    metadataLocal + contentLocal > 0 ? ` (${metadataLocal} meta, ${contentLocal} content local)` : '';
  const transfer = `${sizeText(bytes)} transferred in ${seconds} seconds`;
  return `${metadataFetched} metadata, ${contentFetched} content objects fetched${local}; ${transfer}; ${written}\n`;
}
