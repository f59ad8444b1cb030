/** `fsck`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import { fsck, type FsckReport, type Problem } from '#ostree/repo/fsck.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { verifyBackRefs, verifyBindings } from '#ostree/repo/verify-bindings.ts';
import { entomb } from '#ostree/repo/tombstone.ts';

interface FsckFlags {
  readonly quiet?: boolean;
  readonly all?: boolean;
  readonly delete?: boolean;
  readonly addTombstones?: boolean;
  readonly verifyBindings?: boolean;
  readonly verifyBackRefs?: boolean;
}

export function addFsckVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'fsck', 'check that all objects are there and intact')
    .option('-q, --quiet', 'only errors')
    .option('-a, --all', 'do not stop at the first error')
    .option('--delete', 'remove damaged objects')
    .option('--add-tombstones', 'delete commits whose parents are gone, and note that')
    .option('--verify-bindings', 'each ref is one that its commit names')
    .option('--verify-back-refs', 'each ref that a commit names is at that commit')
    .action((options: FsckFlags, command: Command) =>
      withRepo(context, command, (repo) => runFsck(context, repo, options)),
    );
}

function runFsck(context: CliContext, repo: Repo, options: FsckFlags): void {
  const say = (text: string): void => (options.quiet === true ? undefined : context.out(text));
  say('Validating refs...\n');
  if (options.verifyBindings === true) verifyBindings(repo);
  if (options.verifyBackRefs === true) verifyBackRefs(repo);
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
