/** `prune`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { parseTimestamp } from '#cli/ostree-repo-commit-metadata.ts';
import { collect, repoVerb, wholeNumber, withRepo } from '#cli/ostree-repo-open.ts';
import { sizeText } from '#cli/size-text.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { prune, type PruneOptions, type PruneStats } from '#ostree/repo/prune.ts';
import { listRefs, resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';

interface PruneFlags {
  readonly prune: boolean;
  readonly refsOnly?: boolean;
  readonly depth?: number;
  readonly deleteCommit?: readonly string[];
  readonly keepYoungerThan?: string;
  readonly retainBranchDepth?: readonly string[];
  readonly onlyBranch?: readonly string[];
  readonly commitOnly?: boolean;
  readonly staticDeltasOnly?: boolean;
}

export function addPruneVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'prune', 'remove objects that nothing needs')
    .option('--no-prune', 'only tell')
    .option('--refs-only', 'keep only what refs reach')
    .option('--depth <n>', 'generations of parents to keep (-1: all)', wholeNumber)
    .option('--delete-commit <commit>', 'remove this commit', collect)
    .option('--keep-younger-than <date>', 'remove commits older than that (2020-01-01, "1 week ago")')
    .option('--retain-branch-depth <ref=depth>', 'keep so many parents of this ref', collect)
    .option('--only-branch <ref>', 'leave the history of all other refs alone', collect)
    .option('--commit-only', 'remove commits, and none of the other objects')
    .option('--static-deltas-only', 'with --delete-commit: remove only its static deltas')
    .action((options: PruneFlags, command: Command) =>
      withRepo(context, command, (repo) => runPrune(context, repo, options)),
    );
}

function runPrune(context: CliContext, repo: Repo, flags: PruneFlags): void {
  const named = flags.deleteCommit ?? [];
  if (named.length > 0 && !flags.prune)
    throw new UserError('BAD_OPTION', 'Cannot specify both --delete-commit and --no-prune');
  if (flags.staticDeltasOnly === true) {
    if (named.length === 0)
      throw new UserError('BAD_OPTION', '--static-deltas-only requires --delete-commit');
    throw new UserError('NO_DELTAS', 'Static deltas are not supported: --static-deltas-only removes nothing');
  }
  const options = { ...pruneOptions(repo, flags), deleteCommits: named.map((one) => deletable(repo, one)) };
  context.out(pruneText(prune(repo, options), flags));
}

function pruneOptions(repo: Repo, flags: PruneFlags): PruneOptions {
  const { depth, keepYoungerThan, retainBranchDepth, onlyBranch } = flags;
  return {
    noPrune: !flags.prune,
    refsOnly: flags.refsOnly === true,
    commitsOnly: flags.commitOnly === true,
    ...(depth === undefined ? {} : { depth }),
    ...(keepYoungerThan === undefined ? {} : { keepYoungerThan: parseTimestamp(keepYoungerThan) }),
    ...(retainBranchDepth === undefined
      ? {}
      : { retainedDepths: new Map(retainBranchDepth.map(branchDepth)) }),
    ...(onlyBranch === undefined ? {} : { onlyRefs: new Set(onlyBranch.map((ref) => knownRef(repo, ref))) }),
  };
}

/** `REF=DEPTH`. @throws UserError BAD_OPTION */
function branchDepth(text: string): readonly [ref: string, depth: number] {
  const equals = text.indexOf('=');
  if (equals < 0) throw new UserError('BAD_OPTION', `Invalid value ${text}, must specify BRANCH=DEPTH`);
  const depth = text.slice(equals + 1);
  if (!/^[+-]?\d+$/.test(depth))
    throw new UserError('BAD_OPTION', `Invalid depth ${depth} of --retain-branch-depth`);
  return [text.slice(0, equals), Number(depth)];
}

/** @throws UserError NO_REV */
function knownRef(repo: Repo, ref: string): string {
  if (!listRefs(repo).some(({ refspec }) => refspec === ref))
    throw new UserError('NO_REV', `Refspec '${ref}' not found`, { hint: `'ostree refs' lists the refs` });
  return ref;
}

function deletable(repo: Repo, text: string): Checksum {
  const commit = resolveRev(repo, text);
  loadCommit(repo, commit);
  const ref = listRefs(repo).find(({ checksum }) => checksum === commit);
  if (ref !== undefined)
    throw new UserError('COMMIT_IN_USE', `Commit '${commit}' is referenced by '${ref.refspec}'`);
  return commit;
}

function pruneText({ total, pruned, freed }: PruneStats, flags: PruneFlags): string {
  const first = `Total${flags.commitOnly === true ? ' (commit only)' : ''} objects: ${total}\n`;
  if (pruned === 0) return `${first}No unreachable objects\n`;
  return flags.prune
    ? `${first}Deleted ${pruned} objects, ${sizeText(freed)} freed\n`
    : `${first}Would delete: ${pruned} objects, freeing ${sizeText(freed)}\n`;
}
