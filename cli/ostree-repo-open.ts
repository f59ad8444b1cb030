/** What the repository verbs of the `ostree` personality share. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { withKey } from '#ostree/format/keyfile.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';

/** A verb with `--repo`. */
export function repoVerb(program: Command, usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option(
      '--repo <path>',
      'the repository (default: $OSTREE_REPO, the working directory or /sysroot/ostree/repo)',
    )
    .option('-v, --verbose', 'print more')
    .exitOverride();
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, known: readonly string[] = []): string[] {
  return [...known, value];
}

/** An option's text as a number. @throws UserError BAD_OPTION */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value))
    throw new UserError('BAD_OPTION', `'${text}' is not a whole number`);
  return value;
}

/** Where the repository is: option, environment, working directory, sysroot of the environment, system. */
export function repoPath(context: CliContext, command: Command): string {
  const { repo, sysroot } = command.optsWithGlobals<{ repo?: string; sysroot?: string }>();
  if (repo === undefined && sysroot !== undefined) return `${sysroot}/ostree/repo`;
  const named = repo ?? context.env['OSTREE_REPO'];
  if (named !== undefined && named !== '') return named;
  const here =
    context.sys.stat(AT_FDCWD, 'objects') !== null && context.sys.stat(AT_FDCWD, 'config') !== null;
  if (here) return '.';
  const fromEnvironment = context.env['OSTREE_SYSROOT'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return `${fromEnvironment}/ostree/repo`;
  if (context.sys.stat(AT_FDCWD, '/sysroot/ostree/repo') !== null) return '/sysroot/ostree/repo';
  throw new UserError('NO_REPO', 'Command requires a --repo argument', {
    hint: 'or set OSTREE_REPO, or work in the repository',
  });
}

/** Opens the command's repository for `action`. */
export function withRepo<T>(context: CliContext, command: Command, action: (repo: Repo) => T): T {
  const repo = openRepo(context.sys, repoPath(context, command));
  try {
    return action(repo);
  } finally {
    closeRepo(repo);
  }
}

/** The repository, whose changes are then not made durable. */
export function withoutSync(repo: Repo): Repo {
  return { ...repo, config: withKey(repo.config, 'core', 'fsync', false) };
}

/** As `withRepo`, for an action that waits for a server. */
export async function withRepoAsync<T>(
  context: CliContext,
  command: Command,
  action: (repo: Repo) => Promise<T>,
): Promise<T> {
  const repo = openRepo(context.sys, repoPath(context, command));
  try {
    return await action(repo);
  } finally {
    closeRepo(repo);
  }
}

/** Runs `action` in a transaction that is committed, or thrown away where it throws. */
export function inTransaction<T>(repo: Repo, action: (txn: Transaction) => T): T {
  const txn = Transaction.begin(repo);
  try {
    const result = action(txn);
    txn.commit();
    return result;
  } finally {
    txn.abort();
  }
}
