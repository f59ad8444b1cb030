import { Command, CommanderError } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { findExtension, runExtension } from '#cli/ostree-extension.ts';
import { addAdminVerbs } from '#cli/ostree-admin-verbs.ts';
import { addRepoVerbs } from '#cli/ostree-repo-verbs.ts';
import { verbFirst, withoutBooleans } from '#cli/ostree-verb-first.ts';
import { formatHelp, verbGroup } from '#cli/verb-group.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { OSTREE_VERSION, VERSION } from '#ostree/format/version.ts';

/** The `ostree` personality: the verbs of ostree(1) that we implement, with its words and exit codes. */
export async function runOstree(argv: readonly string[], context: CliContext): Promise<number> {
  const program = ostreeProgram(context);
  const extension = findExtension(
    context,
    argv,
    program.commands.map((verb) => verb.name()),
  );
  if (extension !== null) runExtension(context, extension);
  try {
    await program.parseAsync(withoutBooleans(verbFirst(argv)), { from: 'user' });
    return 0;
  } catch (error) {
    // ostree(1) exits 1 on wrong usage too, and so do the scripts that test for it.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (codeOf(error) === 'USAGE')
      throw new UserError('BAD_OPTION', messageOf(error), { ...hintOf(error), cause: error });
    throw error;
  }
}

function hintOf(error: unknown): { readonly hint?: string } {
  return error instanceof UserError && error.hint !== undefined ? { hint: error.hint } : {};
}

function ostreeProgram(context: CliContext): Command {
  const program = new Command('ostree')
    .description('file system trees: repositories and deployments')
    .version(versionText())
    .option('-v, --verbose', 'print more')
    .option('--debug', 'print the stack of an error')
    .exitOverride()
    .configureHelp({ formatHelp })
    .configureOutput({ writeOut: (text) => context.out(text), writeErr: (text) => context.err(text) });
  addRepoVerbs(program, context);
  const admin = program.command('admin').description('deployments and boot entries').exitOverride();
  addAdminVerbs(admin, context);
  return verbGroup(program, context);
}

/** YAML with ostree's keys, which scripts read. */
function versionText(): string {
  return `libostree: # as yum-ostree ${VERSION} serves it\n Version: '${OSTREE_VERSION}'\n Features:\n  - gpgme\n  - sign-ed25519`;
}
