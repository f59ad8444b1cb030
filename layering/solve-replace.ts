/** Other versions of base packages in the solve: an override takes the base's out and puts the other in. */
import type { Goal, GoalResult, Sack, SackPackage } from '#native/solver.ts';
import { compareEvr } from '#layering/evr.ts';
import type { PackageId } from '#layering/installed-package.ts';
import { formatNevra } from '#layering/nevra.ts';
import { COMMAND_LINE, type SolveProblem } from '#layering/problems.ts';
import { shellWord } from '#layering/shell-word.ts';
import type { SolveRequest } from '#layering/solve.ts';
import { unknownSpecs } from '#layering/solve-unknown.ts';

/** What shall stand in for a package of the base. */
export interface BaseReplacement {
  /** What the caller calls it. */
  readonly entry: string;
  /** The base package's name. */
  readonly name: string;
  /** A package file by its `path` among the request's `localPackages`, or what `spec` selects in a repository. */
  readonly by:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'repository'; readonly id: string; readonly spec: string };
}

export interface ReplacedPackage {
  readonly from: PackageId;
  readonly to: PackageId;
  /** null for a package file, else the repository's id. */
  readonly repo: string | null;
}

export interface Replacements {
  readonly jobs: readonly {
    readonly name: string;
    readonly handle: number;
    readonly base: readonly PackageId[];
  }[];
  /** Entries that change nothing. */
  readonly inactive: readonly string[];
  readonly problems: readonly SolveProblem[];
}

/** Asks for the replacements, and that the base packages of their names go. */
export function addReplacements(goal: Goal, sack: Sack, request: SolveRequest): Replacements {
  const jobs: { name: string; handle: number; base: readonly PackageId[] }[] = [];
  const inactive: string[] = [];
  const problems: SolveProblem[] = [];
  for (const replacement of request.replaceBase ?? []) {
    const base = request.installed.filter(({ name }) => name === replacement.name);
    const candidates = base.length === 0 ? [] : candidatesFor(sack, request, { replacement, base });
    const changes = candidates.filter(({ chosen }) => !base.some((one) => isSame(one, chosen)));
    if (base.length > 0 && candidates.length === 0) problems.push(...missing(sack, request, replacement));
    else if (changes.length === 0) inactive.push(replacement.entry);
    for (const change of changes) {
      const handle = install(goal, sack, request, { replacement, chosen: change.chosen });
      if (handle === null) problems.push(...missing(sack, request, replacement));
      else jobs.push({ name: replacement.name, handle, base: change.base });
    }
  }
  const gone = jobs.flatMap(({ base }) => base.map(formatNevra));
  for (const nevra of new Set(gone)) goal.erase(nevra);
  return { jobs, inactive, problems };
}

function isSame(a: PackageId, b: PackageId): boolean {
  return formatNevra(a) === formatNevra(b);
}

/** Which base packages went for which others. */
export function replacedPackages(
  { jobs }: Replacements,
  result: GoalResult & { kind: 'solution' },
): ReplacedPackage[] {
  return jobs.flatMap(({ handle, base }) => {
    const step = result.install[result.jobs[handle]?.brought[0] ?? -1];
    if (step === undefined) return [];
    const repo = step.repo === COMMAND_LINE ? null : step.repo;
    return base.map((from) => ({ from: packageId(from), to: packageId(step), repo }));
  });
}

export function packageId({ name, epoch, version, release, arch }: PackageId): PackageId {
  return { name, epoch, version, release, arch };
}

interface Asked {
  readonly replacement: BaseReplacement;
  readonly base: readonly PackageId[];
}

interface Candidate {
  readonly chosen: PackageId;
  /** The base packages that it stands in for. */
  readonly base: readonly PackageId[];
}

/**
 * The packages that are meant: a file takes the place of the base's package of its architecture, a repository's newest of
 * each architecture that the base has; one of another architecture takes the place of them all. None where there is none.
 */
function candidatesFor(sack: Sack, request: SolveRequest, { replacement, base }: Asked): Candidate[] {
  const { by, name } = replacement;
  const ofArch = (wanted: string): PackageId[] => base.filter(({ arch }) => arch === wanted);
  const standIn = (chosen: PackageId): Candidate => {
    const same = ofArch(chosen.arch);
    return { chosen, base: same.length > 0 ? same : base };
  };
  if (by.kind === 'file') return request.localPackages.filter(({ path }) => path === by.path).map(standIn);
  const offered = sack
    .query(by.spec, false)
    .filter((one) => one.repo === by.id && one.name === name && one.arch !== 'src')
    .sort((a, b) => compareEvr(b, a));
  // What is to stay hides the others of its name, which a query tells of all the same.
  const kept = offered.filter((one) => (request.keep ?? []).some((other) => isSame(one, other)));
  const usable = offered.filter((one) => kept.every(({ arch }) => arch !== one.arch) || kept.includes(one));
  const newest = [...new Set(base.map(({ arch }) => arch))].flatMap(
    (arch) => usable.find((one) => one.arch === arch) ?? [],
  );
  return (newest.length > 0 ? newest : usable.slice(0, 1)).map(standIn);
}

function install(
  goal: Goal,
  sack: Sack,
  request: SolveRequest,
  { replacement: { by }, chosen }: { readonly replacement: BaseReplacement; readonly chosen: PackageId },
): number | null {
  if (by.kind === 'file') return goal.installPackage(COMMAND_LINE, by.path);
  const nevra = formatNevra(chosen);
  // What other repositories call the same is another file.
  const others = sack.query(nevra, false).filter(({ repo, installed }) => repo !== by.id && !installed);
  const known = new Set(request.repositories.map(({ config }) => config.id));
  for (const { repo } of others) if (known.has(repo)) sack.exclude(repo, [nevra], false);
  return goal.install(nevra, false);
}

function missing(sack: Sack, { repositories }: SolveRequest, { by, name }: BaseReplacement): SolveProblem[] {
  if (by.kind === 'file') return unknownSpecs(sack, [by.path]);
  if (!repositories.some(({ config }) => config.id === by.id))
    return [
      {
        message: `repository ${by.id}, from which ${name} is replaced (an earlier request), is not configured or not enabled`,
        rules: [],
        hint: `enable it (--enablerepo ${by.id}, --repofrompath ${by.id},PATH), or give the replacement up: 'override reset ${name}' goes back to the version of the base`,
      },
    ];
  const elsewhere = repositoriesWith(sack, by.spec, name);
  const hint =
    elsewhere.length > 0
      ? `it is in ${elsewhere.join(', ')}: 'yum-ostree override replace ${shellWord(by.spec)} --from repo=${elsewhere[0] ?? ''}'`
      : `'yum-ostree override reset ${name}' goes back to that of the base`;
  return [{ message: `repository ${by.id} has no ${by.spec} to replace ${name} with`, rules: [], hint }];
}

/** Ids of the repositories that have what `spec` selects, of that name; the newest version's first. */
export function repositoriesWith(sack: Sack, spec: string, name: string): string[] {
  const offered: SackPackage[] = sack
    .query(spec, false)
    .filter((one) => !one.installed && one.repo !== COMMAND_LINE && one.name === name && one.arch !== 'src')
    .sort((a, b) => compareEvr(b, a));
  return [...new Set(offered.map(({ repo }) => repo))];
}
