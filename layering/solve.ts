import { UserError } from '#ostree/format/errors.ts';
import type { Goal, GoalResult, GoalStep, Sack, SackPackage, SolverAddon } from '#native/solver.ts';
import type { Comps } from '#layering/comps.ts';
import type { InstalledPackage, LocalPackage, PackageId } from '#layering/installed-package.ts';
import { allComps, type LoadedRepository } from '#layering/loaded-repository.ts';
import { COMMAND_LINE, describeProblem, type AskedJob, type SolveProblem } from '#layering/problems.ts';
import { fillSack } from '#layering/solve-sack.ts';
import { formatNevra, nevraFault } from '#layering/nevra.ts';
import { addGroup, type GroupHandles, type GroupOutcome, groupOutcome } from '#layering/solve-groups.ts';
import {
  addReplacements,
  packageId,
  replacedPackages,
  type BaseReplacement,
  type ReplacedPackage,
  type Replacements,
} from '#layering/solve-replace.ts';
import { unknownRemovals, unknownSpecs, vanishedRequests } from '#layering/solve-unknown.ts';

export interface SolveRequest {
  /** rpm's name of the architecture. */
  readonly arch: string;
  /** The base's packages. All are locked but those of `removeBase` and `replaceBase`. */
  readonly installed: readonly InstalledPackage[];
  readonly repositories: readonly LoadedRepository[];
  readonly localPackages: readonly LocalPackage[];
  /** Names, NEVRA parts, provides, absolute paths, `@group`, or the path of one of `localPackages`. */
  readonly install: readonly string[];
  /** Names of base packages that shall go. */
  readonly removeBase: readonly string[];
  /** What shall stand in for packages of the base. */
  readonly replaceBase?: readonly BaseReplacement[];
  readonly weakDependencies: boolean;
  /** Builds beside which no others of their packages count, where a repository has them. */
  readonly keep?: readonly PackageId[];
  /** Of a request that was there before: the repositories that it came from; null of others. */
  readonly earlier?: (request: string) => readonly string[] | null;
  /** Whether groups bring their optional members too. */
  readonly optionalGroupMembers?: boolean;
}

export interface SolvedPackage {
  readonly nevra: PackageId;
  /** Id of the repository; `@commandline` for a package given as a file. */
  readonly repo: string;
  /** Relative to the repository's address (or to `locationBase`), or the absolute path of a file. */
  readonly location: string;
  readonly locationBase?: string;
  readonly checksum: { readonly type: string; readonly hex: string };
  /** Bytes. */
  readonly packageSize: number;
  readonly installedSize: number;
  /** Seconds since the epoch. */
  readonly buildTime: number;
  readonly reason: 'requested' | 'dependency' | 'weak' | 'group' | 'override';
  readonly sourceFile?: string;
}

/** What became of one word of the request that is not a group. */
export interface RequestedSpec {
  readonly spec: string;
  /** The packages that it brings; empty where the base satisfies it. */
  readonly packages: readonly PackageId[];
  /** The base packages that satisfy it already. */
  readonly inBase: readonly PackageId[];
}

export type SolveResult =
  | {
      readonly kind: 'solution';
      /** In the order rpm would install them. */
      readonly install: readonly SolvedPackage[];
      /** Base packages that go without another taking their place. */
      readonly remove: readonly PackageId[];
      readonly replaced: readonly ReplacedPackage[];
      /** Entries of `replaceBase` that change nothing: the base has that very package, or none of the name. */
      readonly inactive: readonly string[];
      readonly requested: readonly RequestedSpec[];
      readonly groups: readonly GroupOutcome[];
    }
  | { readonly kind: 'problems'; readonly problems: readonly SolveProblem[] };

export {
  COMMAND_LINE,
  type BaseReplacement,
  type ReplacedPackage,
  type GroupOutcome,
  type PackageId,
  type SolveProblem,
};

/** An attempt says that it cannot know without every file list. */
const NEEDS_FILELISTS = 'needs-filelists';

/**
 * Decides what to install for a request. Base packages never change unless `removeBase` names them. All that stands
 * in the way is told at once: unknown names, and every conflict the solver finds. File lists are loaded only where a
 * path is asked for that the short metadata does not have.
 * @throws UserError of the repositories' own (metadata that cannot be had), BAD_METADATA for a solution with a package
 * that none may be called
 */
export async function solve(addon: SolverAddon, request: SolveRequest): Promise<SolveResult> {
  const comps = request.install.some(isGroup) ? await allComps(request.repositories) : [];
  const first = await attempt(addon, request, { comps, filelists: false });
  if (first !== NEEDS_FILELISTS) return first;
  const second = await attempt(addon, request, { comps, filelists: true });
  if (second === NEEDS_FILELISTS)
    throw new UserError('INTERNAL', 'the solver asks for file lists that it has');
  return second;
}

interface Attempt {
  readonly comps: readonly Comps[];
  readonly filelists: boolean;
}

/** The jobs of a goal by handle: whose they are. */
interface Jobs {
  readonly replacements: Replacements;
  readonly specs: { readonly spec: string; readonly handle: number }[];
  /** Package files of which the base has the very package. */
  readonly present: { readonly spec: string; readonly base: PackageId }[];
  readonly groups: GroupHandles[];
  readonly unknown: string[];
  readonly removals: string[];
  /** Base packages that shall go. */
  readonly erased: { readonly name: string; readonly handle: number }[];
}

async function attempt(
  addon: SolverAddon,
  request: SolveRequest,
  { comps, filelists }: Attempt,
): Promise<SolveResult | typeof NEEDS_FILELISTS> {
  const sack = await fillSack(addon, request, filelists);
  for (const one of request.keep ?? []) hideOthers(sack, one);
  const goal = new addon.Goal(sack);
  const jobs = addJobs(goal, sack, request, comps);
  if (!filelists && jobs.unknown.some((spec) => spec.startsWith('/'))) return NEEDS_FILELISTS;
  goal.lockInstalled();
  const result = goal.run(request.weakDependencies);
  if (!filelists && lacksFile(result)) return NEEDS_FILELISTS;
  const groupIds = comps.flatMap(({ groups, environments }) => [...groups.keys(), ...environments.keys()]);
  const fresh = jobs.unknown.filter((spec) => (request.earlier?.(spec) ?? null) === null);
  const problems = [
    ...unknownSpecs(sack, fresh, { groupIds, repositories: request.repositories.length }),
    ...vanishedRequests(jobs.unknown, request.earlier),
    ...unknownRemovals(jobs.removals),
    ...jobs.replacements.problems,
    ...(result.kind === 'problems' ? describeAll(result, jobs, request) : []),
  ];
  if (problems.length > 0 || result.kind === 'problems') return { kind: 'problems', problems };
  return solutionOf(request, result, jobs);
}

function addJobs(goal: Goal, sack: Sack, request: SolveRequest, comps: readonly Comps[]): Jobs {
  // First, as it may hide packages of the same name.
  const replacements = addReplacements(goal, sack, request);
  const jobs: Jobs = {
    ...{ specs: [], present: [], groups: [], unknown: [], removals: [], erased: [] },
    replacements,
  };
  const files = new Map(request.localPackages.map((one) => [one.path, one]));
  for (const spec of request.install) {
    if (isGroup(spec)) {
      const group = addGroup(goal, sack, { comps, spec, optional: request.optionalGroupMembers === true });
      if (group === null) jobs.unknown.push(spec);
      else jobs.groups.push(group);
      continue;
    }
    const file = files.get(spec);
    const base = file === undefined ? undefined : keptInBase(request, file);
    if (base !== undefined) {
      jobs.present.push({ spec, base });
      continue;
    }
    const handle = file === undefined ? goal.install(spec, false) : goal.installPackage(COMMAND_LINE, spec);
    if (handle === null) jobs.unknown.push(spec);
    else jobs.specs.push({ spec, handle });
  }
  for (const name of request.removeBase) {
    const handle = goal.erase(name);
    if (handle === null) jobs.removals.push(name);
    else jobs.erased.push({ name, handle });
  }
  return jobs;
}

/** Hides what repositories have of a package beside this build. */
function hideOthers(sack: Sack, kept: PackageId): void {
  const offered = sack
    .query(kept.name, false)
    .filter(
      ({ installed, repo, name, arch }) =>
        !installed && repo !== COMMAND_LINE && name === kept.name && arch === kept.arch,
    );
  const isKept = (one: SackPackage): boolean => formatNevra(one) === formatNevra(kept);
  if (!offered.some(isKept)) return;
  for (const one of offered) if (!isKept(one)) sack.exclude(one.repo, [formatNevra(one)], false);
}

/** The package of the base that a file is too, and that stays. */
function keptInBase({ installed, removeBase }: SolveRequest, file: PackageId): PackageId | undefined {
  const found = installed.find((one) => formatNevra(one) === formatNevra(file));
  return found === undefined || removeBase.includes(found.name) ? undefined : found;
}

function isGroup(spec: string): boolean {
  return spec.startsWith('@');
}

/** A path that nothing provides may be in the file lists that were not loaded. */
function lacksFile(result: GoalResult): boolean {
  if (result.kind === 'solution') return false;
  return result.problems
    .flat()
    .some(({ type, dependency }) => type === 'nothing-provides' && dependency?.includes('/') === true);
}

function describeAll(
  result: GoalResult & { kind: 'problems' },
  jobs: Jobs,
  { localPackages, earlier }: SolveRequest,
): SolveProblem[] {
  const isEarlier = (request: string): boolean => (earlier?.(request) ?? null) !== null;
  const asked: AskedJob[] = [];
  for (const { spec, handle } of jobs.specs) asked[handle] = askedSpec(spec, localPackages, isEarlier(spec));
  for (const { name, handle } of jobs.erased) asked[handle] = { kind: 'remove', request: name, label: name };
  for (const { name, handle } of jobs.replacements.jobs)
    asked[handle] = { kind: 'replace', request: name, label: `the replacement of ${name}` };
  for (const { spec, members } of jobs.groups)
    for (const { name, handle } of members)
      asked[handle] = {
        kind: 'install',
        request: spec,
        label: `${name} (of ${spec}${isEarlier(spec) ? ', layered already' : ''})`,
      };
  return result.problems.map((rules) => describeProblem(rules, asked));
}

/** A file that was layered before goes by its package's name: the path in the store says nothing to anybody. */
function askedSpec(spec: string, locals: readonly LocalPackage[], isEarlier: boolean): AskedJob {
  const known = locals.find(({ path, layered }) => path === spec && layered === true);
  if (known === undefined)
    return { kind: 'install', request: spec, label: isEarlier ? `${spec} (layered already)` : spec };
  return { kind: 'install', request: known.name, label: `${formatNevra(known)} (layered already)` };
}

function solutionOf(
  request: SolveRequest,
  result: GoalResult & { kind: 'solution' },
  jobs: Jobs,
): SolveResult {
  const replaced = replacedPackages(jobs.replacements, result);
  const gone = new Set(replaced.map(({ from }) => formatNevra(from)));
  const remove = result.remove.filter((one) => !gone.has(formatNevra(one)));
  refuseUnasked(request.removeBase, remove);
  const reasons = new Map<number, SolvedPackage['reason']>();
  const mark = (handle: number, reason: SolvedPackage['reason']): void => {
    for (const position of result.jobs[handle]?.brought ?? []) reasons.set(position, reason);
  };
  const conditional = new Set(jobs.groups.flatMap((group) => group.conditional));
  for (const [position, { name }] of result.install.entries())
    if (conditional.has(name)) reasons.set(position, 'group');
  for (const { members } of jobs.groups) for (const { handle } of members) mark(handle, 'group');
  for (const { handle } of jobs.specs) mark(handle, 'requested');
  for (const { handle } of jobs.replacements.jobs) mark(handle, 'override');
  return {
    kind: 'solution',
    install: result.install.map((step, position) => solvedPackage(step, reasons.get(position))),
    remove: remove.map(packageId),
    replaced,
    inactive: jobs.replacements.inactive,
    requested: [
      ...jobs.specs.map(({ spec, handle }) => ({ spec, ...broughtBy(result, handle) })),
      ...jobs.present.map(({ spec, base }) => ({ spec, packages: [], inBase: [packageId(base)] })),
    ],
    groups: jobs.groups.map((group) => groupOutcome(group, (handle) => broughtBy(result, handle))),
  };
}

/** The locks make this impossible; were they to fail, the base would change behind the user's back. */
function refuseUnasked(asked: readonly string[], removed: readonly SackPackage[]): void {
  const unasked = removed.filter(({ name }) => !asked.includes(name));
  if (unasked.length === 0) return;
  const names = unasked.map(({ name }) => name).join(', ');
  throw new UserError('INTERNAL', `the solution would remove or replace packages of the base: ${names}`);
}

function broughtBy(
  result: GoalResult & { kind: 'solution' },
  handle: number,
): { packages: PackageId[]; inBase: PackageId[] } {
  const job = result.jobs[handle];
  const packages = (job?.brought ?? []).flatMap((position) => {
    const step = result.install[position];
    return step === undefined ? [] : [packageId(step)];
  });
  return { packages, inBase: packages.length > 0 ? [] : (job?.present ?? []).map(packageId) };
}

function solvedPackage(step: GoalStep, asked: SolvedPackage['reason'] | undefined): SolvedPackage {
  const fault = nevraFault(step);
  if (fault !== null)
    throw new UserError('BAD_METADATA', `repository ${step.repo} has a package that is refused: ${fault}`);
  return {
    nevra: packageId(step),
    repo: step.repo,
    location: step.location,
    ...(step.locationBase === undefined ? {} : { locationBase: step.locationBase }),
    checksum: { type: step.checksumType, hex: step.checksum },
    packageSize: step.packageSize,
    installedSize: step.installedSize,
    buildTime: step.buildTime,
    reason: asked ?? (step.reason === 'weak' ? 'weak' : 'dependency'),
    ...(step.repo === COMMAND_LINE ? { sourceFile: step.location } : {}),
  };
}
