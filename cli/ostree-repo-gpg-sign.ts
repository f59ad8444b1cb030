/** `ostree gpg-sign`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import { addGpgSignatures, deleteGpgSignatures } from '#ostree/repo/gpg-sign-commit.ts';
import { resolveRev } from '#ostree/repo/refs.ts';

interface Flags {
  readonly delete?: boolean;
  readonly gpgHomedir?: string;
}

export function addGpgSignVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'gpg-sign [commit] [key-ids...]', 'sign a commit with GnuPG')
    .option('-d, --delete', 'delete the signatures that these keys made')
    .option('--gpg-homedir <directory>', 'where GnuPG keeps its keys')
    .action((rev: string | undefined, ids: string[], flags: Flags, command: Command) => {
      if (rev === undefined) throw new UserError('BAD_OPTION', 'Need a COMMIT to sign');
      if (ids.length === 0) throw new UserError('BAD_OPTION', 'Need at least one GPG KEY-ID to sign with');
      withRepo(context, command, (repo) => {
        const commit = resolveRev(repo, rev);
        const keys = { ids, home: flags.gpgHomedir ?? null };
        if (flags.delete !== true) return addGpgSignatures(repo, commit, keys);
        context.out(`Signatures deleted: ${deleteGpgSignatures(repo, commit, keys)}\n`);
      });
    });
}
