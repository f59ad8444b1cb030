/** `ostree pull-local`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { sizeText } from '#cli/size-text.ts';
import { repoVerb, wholeNumber, withoutSync, withRepo } from '#cli/ostree-repo-open.ts';
import { pullChecks } from '#cli/ostree-repo-pull.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadMetadataBytes, readDetachedMetadata } from '#ostree/repo/objects.ts';
import { parseSignatures } from '#ostree/repo/pull-remote.ts';
import { pullLocal } from '#ostree/repo/pull-local.ts';
import { listRefs, resolveRev } from '#ostree/repo/refs.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';

interface PullLocalFlags {
  readonly remote?: string;
  readonly depth?: number;
  readonly gpgVerify?: boolean;
  readonly gpgVerifySummary?: boolean;
  readonly commitMetadataOnly?: boolean;
  readonly untrusted?: boolean;
  readonly disableFsync?: boolean;
}

export function addPullLocalVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'pull-local <source> [refs...]', 'copy commits from another repository')
    .option('--remote <name>', 'the remote that the refs become')
    .option('--depth <n>', 'generations of parents to copy (-1: all)', wholeNumber)
    .option('--commit-metadata-only', 'only the commit objects')
    .option('--gpg-verify', 'check the commits’ signatures with the keys of --remote')
    .option('--gpg-verify-summary', 'check the signature of the source’s summary with the keys of --remote')
    .option('--untrusted', 'share nothing with the source; every object is verified anyway')
    .option('--disable-fsync', 'do not make the objects durable')
    .option('--per-object-fsync', 'accepted')
    .option('--disable-verify-bindings', 'accepted')
    .action((source: string, refs: string[], options: PullLocalFlags, command: Command) =>
      withRepo(context, command, (repo) => {
        const target = options.disableFsync === true ? withoutSync(repo) : repo;
        runPull(context, target, { source, refs, ...options, command });
      }),
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
    if (wantsSignatures(request, request.gpgVerifySummary))
      verifySummary(context, repo, { ...request, from });
    if (wantsSignatures(request, request.gpgVerify))
      verifySources(context, repo, { ...request, from, commits });
    const depth = request.depth === undefined ? {} : { depth: request.depth };
    const { metadata, content, bytes } = pullLocal(from, repo, {
      commits,
      commitsOnly: request.commitMetadataOnly === true,
      copy: request.untrusted === true,
      ...depth,
    });
    context.out(
      `${metadata} metadata, ${content} content objects imported; ${sizeText(bytes)} content written\n`,
    );
  } finally {
    closeRepo(from);
  }
}

function wantsSignatures({ remote }: PullLocalFlags, wanted: boolean | undefined): boolean {
  if (wanted !== true) return false;
  if (remote === undefined)
    throw new UserError('BAD_OPTION', 'Must specify remote name to enable gpg verification');
  return true;
}

/** Before anything is copied. @throws UserError BAD_SIGNATURE, NO_REMOTE */
function verifySummary(
  context: CliContext,
  repo: Repo,
  pull: PullLocalFlags & { readonly source: string; readonly from: Repo; readonly command: Command },
): void {
  const remote = findRemote(repo, pull.remote ?? '', remotesDirectory(context, pull.command));
  const { sys, fd } = pull.from;
  const data = sys.lstat(fd, 'summary') === null ? null : sys.readFile(fd, 'summary');
  const signature = sys.lstat(fd, 'summary.sig') === null ? null : sys.readFile(fd, 'summary.sig');
  if (data === null)
    throw new UserError('BAD_SIGNATURE', `GPG verification enabled, but ${pull.source} has no summary`, {
      hint: `'ostree summary --update --gpg-sign' makes it there`,
    });
  const check = pullChecks(context, repo, { ...remote, gpgVerifySummary: true }).verifySummary;
  check?.(data, signature === null ? null : parseSignatures(signature));
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
