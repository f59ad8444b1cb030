/** `refs`, `rev-parse` and `reset`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { inTransaction, repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import { isRefName, parseRefspec } from '#ostree/format/ref-name.ts';
import { listObjects } from '#ostree/repo/object-list.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { listAliases, listRefspecs, readRef, resolveRev, writeAlias } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';

interface RefsOptions {
  readonly delete?: boolean;
  readonly list?: boolean;
  readonly create?: string;
  readonly force?: boolean;
  readonly alias?: boolean;
}

export function addRefVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'refs [prefixes...]', 'list, make and remove refs')
    .option('--delete', 'remove the refs that match instead of listing them')
    .option('--list', 'list with the prefix')
    .option('--create <ref>', 'make a ref for an existing commit')
    .option('--force', 'replace an existing ref')
    .option('-A, --alias', 'with --create: a ref that stands for another; else list those')
    .action((prefixes: string[], options: RefsOptions, command: Command) =>
      withRepo(context, command, (repo) => {
        const [prefix] = prefixes;
        if (options.create !== undefined && options.alias === true)
          createAlias(repo, { ...options, create: options.create }, prefix);
        else if (options.create !== undefined)
          createRef(repo, { ...options, create: options.create }, prefix);
        else if (options.delete === true) deleteRefs(repo, prefixes);
        else if (options.alias === true) listAliasesBelow(context, repo, listedPrefix(prefix));
        else list(context, repo, { prefix: listedPrefix(prefix), whole: options.list === true });
      }),
    );
  repoVerb(program, 'rev-parse [revs...]', 'print the commit that a name means')
    .option('-S, --single', 'the only commit of the repository')
    .action((revs: string[], options: { single?: boolean }, command: Command) =>
      withRepo(context, command, (repo) => {
        if (options.single === true) return context.out(`${singleCommit(repo)}\n`);
        if (revs.length === 0) throw new UserError('BAD_OPTION', 'REV must be specified');
        for (const rev of revs) context.out(`${resolveRev(repo, rev)}\n`);
      }),
    );
  repoVerb(program, 'reset <ref> <commit>', 'set a ref at an earlier commit').action(
    (ref: string, commit: string, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        const checksum = resolveRev(repo, commit);
        loadCommit(repo, checksum);
        // Making a ref is the work of `refs --create`: a name mistyped here must not become one.
        if (readRef(repo, ref) === null) throw new UserError('NO_REV', `Invalid ref '${ref}'`);
        inTransaction(repo, (txn) => txn.setRef(ref, checksum));
      }),
  );
}

/** `REMOTE:.` is what flatpak writes for `REMOTE:`. */
function listedPrefix(prefix: string | undefined): string | null {
  return prefix?.endsWith(':.') === true ? prefix.slice(0, -1) : (prefix ?? null);
}

function list(
  context: CliContext,
  repo: Repo,
  wanted: { readonly prefix: string | null; readonly whole: boolean },
): void {
  const { prefix, whole } = wanted;
  for (const refspec of listRefspecs(repo, prefix)) {
    context.out(`${prefix === null || whole ? refspec : belowPrefix(refspec, prefix)}\n`);
  }
}

/** The prefix is left out, and the remote in it stays: `testos:os` makes `testos:x86_64` of `testos:os/x86_64`. */
function belowPrefix(refspec: string, prefix: string): string {
  if (refspec === prefix) return refspec;
  if (prefix.endsWith('/') || prefix.endsWith(':')) return refspec.slice(prefix.length);
  const remote = prefix.slice(0, prefix.indexOf(':') + 1);
  return remote + refspec.slice(prefix.length + 1);
}

function createRef(
  repo: Repo,
  options: { readonly create: string; readonly force?: boolean },
  rev: string | undefined,
): void {
  if (rev === undefined)
    throw new UserError('BAD_OPTION', 'You must specify an existing ref when creating a new ref');
  const checksum = resolveRev(repo, rev);
  loadCommit(repo, checksum);
  if (options.force !== true && readRef(repo, options.create) !== null)
    throw new UserError('REF_EXISTS', `--create specified but ref ${options.create} already exists`, {
      hint: '--force replaces it',
    });
  inTransaction(repo, (txn) => txn.setRef(options.create, checksum));
}

function listAliasesBelow(context: CliContext, repo: Repo, prefix: string | null): void {
  const wanted = new Set(listRefspecs(repo, prefix));
  for (const { ref, target } of listAliases(repo)) if (wanted.has(ref)) context.out(`${ref} -> ${target}\n`);
}

/** An alias may take the place of another without --force. */
function createAlias(
  repo: Repo,
  options: { readonly create: string; readonly force?: boolean },
  target: string | undefined,
): void {
  const { remote, ref } = parseRefspec(options.create);
  if (target === undefined)
    throw new UserError('BAD_OPTION', 'You must specify an existing ref when creating a new ref');
  const isAlias = listAliases(repo).some((alias) => alias.ref === ref);
  if (!isAlias && options.force !== true && readRef(repo, options.create) !== null)
    throw new UserError('REF_EXISTS', `--create specified but ref ${options.create} already exists`, {
      hint: '--force replaces it',
    });
  if (remote !== null) throw new UserError('BAD_REF_NAME', `Cannot create alias to remote ref: ${remote}`);
  if (target === ref || target.includes(':') || !isRefName(target) || readRef(repo, target) === null)
    throw new UserError('NO_REV', `Cannot create alias to non-existent ref: ${target}`, {
      hint: 'an alias stands for another local ref',
    });
  writeAlias(repo, { ref, target });
}

function deleteRefs(repo: Repo, prefixes: readonly string[]): void {
  if (prefixes.length === 0)
    throw new UserError('BAD_OPTION', 'At least one PREFIX is required when deleting refs');
  const doomed = prefixes.flatMap((prefix) => listRefspecs(repo, prefix));
  for (const { ref, target } of listAliases(repo))
    if (doomed.includes(target))
      throw new UserError('REF_CONFLICT', `Ref '${target}' has an active alias: '${ref}'`, {
        hint: `'ostree refs --delete ${ref}' removes the alias`,
      });
  if (doomed.length > 0)
    inTransaction(repo, (txn) => {
      for (const refspec of doomed) txn.setRef(refspec, null);
    });
}

function singleCommit(repo: Repo): string {
  const commits = listObjects(repo).filter(({ type }) => type === 'commit');
  const [only] = commits;
  if (only === undefined) throw new UserError('NO_REV', 'No commit objects found');
  if (commits.length > 1) throw new UserError('AMBIGUOUS_REV', 'Multiple commit objects found');
  return only.checksum;
}
