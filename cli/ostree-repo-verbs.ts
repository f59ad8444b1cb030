import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addCheckoutVerb } from '#cli/ostree-repo-checkout.ts';
import { addCommitVerb } from '#cli/ostree-repo-commit.ts';
import { addConfigVerbs } from '#cli/ostree-repo-config.ts';
import { addDiffVerb } from '#cli/ostree-repo-diff.ts';
import { addListVerbs } from '#cli/ostree-repo-list.ts';
import { addFsckVerb } from '#cli/ostree-repo-fsck.ts';
import { addGpgSignVerb } from '#cli/ostree-repo-gpg-sign.ts';
import { addSignVerb } from '#cli/ostree-repo-sign.ts';
import { addPruneVerb } from '#cli/ostree-repo-prune.ts';
import { addPullVerb } from '#cli/ostree-repo-pull.ts';
import { addPullLocalVerb } from '#cli/ostree-repo-pull-local.ts';
import { addRemoteVerbs } from '#cli/ostree-repo-remote.ts';
import { addSummaryVerb } from '#cli/ostree-repo-summary.ts';
import { addRefVerbs } from '#cli/ostree-repo-refs.ts';
import { addShowVerbs } from '#cli/ostree-repo-show.ts';

/** The verbs of ostree(1) that work on a repository. */
export function addRepoVerbs(program: Command, context: CliContext): void {
  program
    .option('--repo <path>', 'the repository')
    .option('--sysroot <path>', 'the sysroot whose repository is meant');
  addConfigVerbs(program, context);
  addRemoteVerbs(program, context);
  addPullVerb(program, context);
  addPullLocalVerb(program, context);
  addCommitVerb(program, context);
  addCheckoutVerb(program, context);
  addRefVerbs(program, context);
  addShowVerbs(program, context);
  addGpgSignVerb(program, context);
  addSignVerb(program, context);
  addSummaryVerb(program, context);
  addListVerbs(program, context);
  addDiffVerb(program, context);
  addPruneVerb(program, context);
  addFsckVerb(program, context);
}
