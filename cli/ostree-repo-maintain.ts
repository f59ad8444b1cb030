/** `prune` and `fsck`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { parseTimestamp } from '#cli/ostree-repo-commit-metadata.ts';
import { collect, repoVerb, wholeNumber, withRepo } from '#cli/ostree-repo-open.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { fsck, type FsckReport, type Problem } from '#ostree/repo/fsck.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { prune, type PruneStats } from '#ostree/repo/prune.ts';
import { listRefs, resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { entomb } from '#ostree/repo/tombstone.ts';

interface PruneFlags {
  readonly prune: boolean;
  readonly refsOnly?: boolean;
  readonly depth?: number;
  readonly deleteCommit?: readonly string[];
  readonly keepYoungerThan?: string;
}

interface FsckFlags {
  readonly quiet?: boolean;
  readonly all?: boolean;
  readonly delete?: boolean;
  readonly addTombstones?: boolean;
}

export function addMaintenanceVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'prune', 'remove objects that nothing needs')
    .option('--no-prune', 'only tell')
    .option('--refs-only', 'keep only what refs reach')
    .option('--depth <n>', 'generations of parents to keep (-1: all)', wholeNumber)
    .option('--delete-commit <commit>', 'remove this commit', collect)
    .option('--keep-younger-than <date>', 'remove commits older than that')
    .action((options: PruneFlags, command: Command) =>
      withRepo(context, command, (repo) => runPrune(context, repo, options)),
    );
  repoVerb(program, 'fsck', 'check that all objects are there and intact')
    .option('-q, --quiet', 'only errors')
    .option('-a, --all', 'do not stop at the first error')
    .option('--delete', 'remove damaged objects')
    .option('--add-tombstones', 'delete commits whose parents are gone, and note that')
    .action((options: FsckFlags, command: Command) =>
      withRepo(context, command, (repo) => runFsck(context, repo, options)),
    );
}

function runPrune(context: CliContext, repo: Repo, options: PruneFlags): void {
  const deleted = (options.deleteCommit ?? []).map((commit) => deletable(repo, commit));
  const stats = prune(repo, {
    noPrune: !options.prune,
    refsOnly: options.refsOnly === true,
    ...(options.depth === undefined ? {} : { depth: options.depth }),
    deleteCommits: deleted,
    ...(options.keepYoungerThan === undefined
      ? {}
      : { keepYoungerThan: parseTimestamp(options.keepYoungerThan) }),
  });
  context.out(pruneText(stats, options.prune));
}

function deletable(repo: Repo, text: string): Checksum {
  const commit = resolveRev(repo, text);
  loadCommit(repo, commit);
  const ref = listRefs(repo).find(({ checksum }) => checksum === commit);
  if (ref !== undefined)
    throw new UserError('COMMIT_IN_USE', `Commit '${commit}' is referenced by '${ref.refspec}'`);
  return commit;
}

function pruneText(stats: PruneStats, pruned: boolean): string {
  const total = `Total objects: ${stats.total}\n`;
  if (stats.pruned === 0) return `${total}No unreachable objects\n`;
  const size = sizeText(stats.freed);
  return pruned
    ? `${total}Deleted ${stats.pruned} objects, ${size} freed\n`
    : `${total}Would delete: ${stats.pruned} objects, freeing ${size}\n`;
}

/** As g_format_size(): powers of 1000, a no-break space. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toFixed(1)}\u00a0${units[power - 1] ?? ''}`;
}

function runFsck(context: CliContext, repo: Repo, options: FsckFlags): void {
  const say = (text: string): void => (options.quiet === true ? undefined : context.out(text));
  say('Validating refs...\n');
  let started = false;
  const report = fsck(repo, {
    all: options.all === true,
    delete: options.delete === true,
    findParentless: options.addTombstones === true,
    onProgress: (progress) => {
      if (progress.kind === 'commits') {
        say('Validating refs in collections...\nEnumerating commits...\n');
        return say(`Verifying content integrity of ${progress.commits} commit objects...\n`);
      }
      const { done, total } = progress;
      if (!started) context.out(progressLine(1, total));
      started = true;
      if (done > 1) context.out(progressLine(done, total));
    },
  });
  if (options.addTombstones === true) {
    for (const commit of report.parentless) context.out(`Adding tombstone for commit ${commit}\n`);
    entomb(repo, report.parentless);
  } else if (report.partial > 0) context.out(`${report.partial} partial commits not verified\n`);
  reportProblems(context, report, { goesOn: options.all === true || options.delete === true });
  context.out(`object fsck of ${report.commits} commits completed successfully - no errors found.\n`);
}

function progressLine(done: number, total: number): string {
  return `fsck objects (${done}/${total}) ${Math.floor((done * 100) / total)}%\n`;
}

/** @throws UserError CORRUPTION where there is a problem, or an earlier check found one */
function reportProblems(
  context: CliContext,
  report: FsckReport,
  { goesOn }: { readonly goesOn: boolean },
): void {
  const [only, ...others] = report.problems.map(problemText);
  const hint = hintFor(report.problems);
  const single = !goesOn && others.length === 0 && report.problems[0]?.kind !== 'missing';
  if (only !== undefined && single) throw new UserError('CORRUPTION', only, { hint });
  for (const text of only === undefined ? [] : [only, ...others]) context.err(`${text}\n`);
  for (const commit of report.marked) context.err(`Marking commit as partial: ${commit}\n`);
  if (only !== undefined) throw new UserError('CORRUPTION', 'Repository corruption encountered', { hint });
  if (report.partialFromFsck > 0)
    throw new UserError(
      'CORRUPTION',
      `${report.partialFromFsck} partial commits from fsck-detected corruption`,
      {
        hint,
      },
    );
}

function hintFor(problems: readonly Problem[]): string {
  const restore = 'pulling the commits again restores them';
  if (problems.some(({ kind }) => kind === 'damaged'))
    return `'ostree fsck --delete' removes damaged objects; ${restore}`;
  const refs = problems.flatMap((problem) => (problem.kind === 'bad-ref' ? [problem.refspec] : []));
  return refs.length === 0 ? restore : `${restore}; 'ostree refs --delete ${refs.join(' ')}' gives them up`;
}

function problemText(problem: Problem): string {
  if (problem.kind === 'bad-ref') return `Loading commit for ref ${problem.refspec}: ${problem.reason}`;
  const { checksum, type, commits } = problem;
  const needed = commits.join(', ');
  if (problem.kind === 'missing') return `Object missing in commits ${needed}: ${checksum}.${type}`;
  const what = type === 'file' ? 'content object' : type;
  return `In commits ${needed}: fsck ${what} ${checksum}: ${problem.reason}`;
}
