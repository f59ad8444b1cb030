/** From which repository a base package is replaced: decided when it is asked for, and kept in the origin. */
import { loadSolver, type Sack } from '#native/solver.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Change } from '#layering/change.ts';
import { repositoriesOf } from '#layering/change-solve.ts';
import { compareEvr, formatEvr } from '#layering/evr.ts';
import { formatRemoteEntry } from '#layering/origin-entries.ts';
import { baseName, type LocalRequest } from '#layering/plan.ts';
import { problemsError } from '#layering/problem-commands.ts';
import type { SolveProblem } from '#layering/problems.ts';
import { repositoriesWith } from '#layering/solve-replace.ts';
import { fillSack } from '#layering/solve-sack.ts';
import { unknownSpecs } from '#layering/solve-unknown.ts';

/**
 * The entries of the origin for specs of packages in repositories. @throws UserError UNSOLVABLE, NOT_IN_BASE, USAGE, each
 * naming all that it is about
 */
export async function remoteReplacements(change: Change, specs: readonly string[]): Promise<LocalRequest[]> {
  const { facts, options } = change;
  const unreadable = specs.filter((spec) => spec.includes(','));
  if (unreadable.length > 0)
    throw new UserError('USAGE', `${unreadable.join(' ')}: name packages one by one, without commas`);
  const repositories = await repositoriesOf(change);
  const from = options.replaceFrom;
  if (from !== null && !repositories.some(({ config }) => config.id === from))
    throw new UserError('USAGE', `there is no enabled repository '${from}'`, {
      hint: `enabled: ${repositories.map(({ config }) => config.id).join(', ') || 'none'}`,
    });
  const { arch, installed } = facts;
  const sack = await fillSack(loadSolver(), { arch, installed, repositories, localPackages: [] }, false);
  const rank = new Map(repositories.map(({ config }) => [config.id, config.priority]));
  const named = specs.map((spec) => {
    const name = baseName(spec, facts) ?? sack.query(spec, false)[0]?.name ?? spec;
    const ids = repositoriesWith(sack, spec, name).filter((id) => from === null || id === from);
    // The newest comes first; of what the administrator prefers, though.
    const [repository] = ids.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
    const isFrozen = options.replaceFrozen && repository !== undefined;
    return { spec: isFrozen ? newestBuild(sack, { spec, name, repository }) : spec, name, repository };
  });
  const missing = named.filter(({ repository }) => repository === undefined).map(({ spec }) => spec);
  if (missing.length > 0) throw problemsError(problemsOf(missing, from, unknownSpecs(sack, missing)));
  return named.map(({ spec, name, repository }) => ({
    entry: formatRemoteEntry({ id: repository ?? '', spec }),
    name,
  }));
}

/** A spec of the version that another selects now; of all its architectures. */
function newestBuild(
  sack: Sack,
  { spec, name, repository }: { readonly spec: string; readonly name: string; readonly repository: string },
): string {
  const [newest] = sack
    .query(spec, false)
    .filter((one) => one.repo === repository && one.name === name)
    .sort((a, b) => compareEvr(b, a));
  return newest === undefined ? spec : `${name}-${formatEvr(newest)}`;
}

function problemsOf(
  specs: readonly string[],
  from: string | null,
  unknown: readonly SolveProblem[],
): readonly SolveProblem[] {
  const where = from === null ? 'no enabled repository has' : `repository ${from} has no`;
  const hints = unknown.flatMap(({ hint }) => hint ?? []);
  return [
    {
      message: `${where} ${specs.join(', ')}`,
      rules: [],
      ...(hints[0] === undefined ? {} : { hint: hints[0] }),
    },
  ];
}
