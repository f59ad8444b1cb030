/** `ostree pull-local`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { sizeText } from '#cli/ostree-repo-maintain.ts';
import { repoVerb, wholeNumber, withRepo } from '#cli/ostree-repo-open.ts';
import { pullChecks } from '#cli/ostree-repo-pull.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadMetadataBytes, readDetachedMetadata } from '#ostree/repo/objects.ts';
import { pullLocal } from '#ostree/repo/pull-local.ts';
import { listRefs, resolveRev } from '#ostree/repo/refs.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';

interface PullLocalFlags {
  readonly remote?: string;
  readonly depth?: number;
  readonly gpgVerify?: string | boolean;
  readonly commitMetadataOnly?: boolean;
}

export function addPullLocalVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'pull-local <source> [refs...]', 'copy commits from another repository')
    .option('--remote <name>', 'the remote that the refs become')
    .option('--depth <n>', 'generations of parents to copy (-1: all)', wholeNumber)
    .option('--commit-metadata-only', 'only the commit objects')
    .option('--gpg-verify [bool]', 'check the commits’ signatures with the keys of --remote')
    .option('--disable-fsync', 'accepted')
    .option('--untrusted', 'accepted: every object is verified anyway')
    .action((source: string, refs: string[], options: PullLocalFlags, command: Command) =>
      withRepo(context, command, (repo) => runPull(context, repo, { source, refs, ...options, command })),
    );
}

function runPull(
  context: CliContext,
  repo: Repo,
  request: PullLocalFlags & {
    readonly source: string;
    readonly refs: readonly string[];
    readonly command: Command;
  },
): void {
  const from = openRepo(context.sys, request.source);
  try {
    const names = request.refs.length > 0 ? request.refs : localRefs(from);
    const prefix = request.remote === undefined ? '' : `${request.remote}:`;
    const commits = names.map((name) => ({
      refspec: name.length === 64 ? null : `${prefix}${name}`,
      checksum: resolveRev(from, name),
    }));
    if (wantsSignatures(request)) verifySources(context, repo, { ...request, from, commits });
    const depth = request.depth === undefined ? {} : { depth: request.depth };
    const { metadata, content, bytes } = pullLocal(from, repo, {
      commits,
      commitsOnly: request.commitMetadataOnly === true,
      ...depth,
    });
    context.out(
      `${metadata} metadata, ${content} content objects imported; ${sizeText(bytes)} content written\n`,
    );
  } finally {
    closeRepo(from);
  }
}

function wantsSignatures({ gpgVerify, remote }: PullLocalFlags): boolean {
  if (gpgVerify === undefined || ['false', '0', 'no'].includes(String(gpgVerify))) return false;
  if (remote === undefined)
    throw new UserError('BAD_OPTION', 'Must specify remote name to enable gpg verification');
  return true;
}

/** Before anything is copied. @throws UserError BAD_SIGNATURE, NO_REMOTE */
function verifySources(
  context: CliContext,
  repo: Repo,
  pull: PullLocalFlags & {
    readonly from: Repo;
    readonly commits: readonly { readonly checksum: Checksum }[];
    readonly command: Command;
  },
): void {
  const remote = findRemote(repo, pull.remote ?? '', remotesDirectory(context, pull.command));
  const { verifyCommit } = pullChecks(context, repo, { ...remote, gpgVerify: true });
  for (const { checksum } of pull.commits)
    verifyCommit?.(
      checksum,
      loadMetadataBytes(pull.from, checksum, 'commit'),
      readDetachedMetadata(pull.from, checksum),
    );
}

function localRefs(repo: Repo): string[] {
  return listRefs(repo)
    .map(({ refspec }) => refspec)
    .filter((refspec) => !refspec.includes(':'));
}
