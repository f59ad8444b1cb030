/** Pulls what a deployment follows into the sysroot's repository. */
import type { CliContext } from '#cli/context.ts';
import { outcomeText, pullChecks } from '#cli/ostree-repo-pull.ts';
import { openSource } from '#cli/ostree-repo-remote-source.ts';
import { remotesBelow } from '#cli/ostree-repo-remotes-directory.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { Refspec } from '#ostree/format/ref-name.ts';
import { pullRemote } from '#ostree/repo/pull-remote.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface AdminPull {
  readonly refspec: Refspec;
  /** This commit of the ref instead of the newest. */
  readonly commit: Checksum | null;
  /** Refuse what is older than this commit; null: nothing is too old. */
  readonly notBefore: Checksum | null;
  /** Only the commit itself, not its files. */
  readonly commitsOnly?: boolean;
  /** Only these parts of its tree. */
  readonly subpaths?: readonly string[];
  /** Generations of parents too. */
  readonly depth?: number;
}

/** A ref of this repository itself needs no pull. @throws UserError NO_REMOTE, and as `pullRemote` */
export async function pullFollowed(
  { repo, path }: Sysroot,
  { refspec, commit, notBefore, commitsOnly = false, subpaths = [], depth = 0 }: AdminPull,
  context: CliContext,
): Promise<void> {
  if (refspec.remote === null) return;
  const remote = findRemote(repo, refspec.remote, remotesBelow(context, path));
  const started = context.sys.now();
  const opened = await openSource(context, repo, remote);
  try {
    const outcome = await pullRemote(repo, {
      remote: remote.name,
      source: opened.source,
      commitsOnly,
      subpaths,
      depth,
      wanted: [{ ref: refspec.ref, checksum: commit }],
      ...(notBefore === null ? {} : { timestampCheck: { from: notBefore } }),
      ...pullChecks(context, repo, remote),
    });
    context.out(outcomeText(outcome, opened, { seconds: Math.round(context.sys.now() - started) }));
  } finally {
    opened.close();
  }
}
