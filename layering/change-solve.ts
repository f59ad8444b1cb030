/** From requests to packages: which repositories are asked, the solve, and what its outcome is called. */
import { loadSolver } from '#native/solver.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Change, ChangeOptions } from '#layering/change.ts';
import type { RequestInputs } from '#layering/layer-metadata.ts';
import { itemsOf, type LayerOrigin } from '#layering/layer-origin.ts';
import type { LocalPackage } from '#layering/installed-package.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { formatNevra, parseNevra, type Nevra } from '#layering/nevra.ts';
import { openRepositories, type RepositoryRequest } from '#layering/open-repositories.ts';
import { parseFileEntry, parseRemoteEntry } from '#layering/origin-entries.ts';
import { storedPackageOf } from '#layering/package-store.ts';
import type { PackageTree } from '#layering/package-tree.ts';
import { problemsError } from '#layering/problem-commands.ts';
import type { SolveProblem } from '#layering/problems.ts';
import { replacedName } from '#layering/plan.ts';
import type { CachedPackage } from '#layering/rpm-ostree-package.ts';
import {
  solve,
  type BaseReplacement,
  type ReplacedPackage,
  type SolvedPackage,
  type SolveResult,
} from '#layering/solve.ts';
import { localPackage, storedPackage } from '#layering/solver-input.ts';
import { earlierSources, storedLayers } from '#layering/stored-layers.ts';
import { formatTreeName, sortedUnique, type TreeItems } from '#layering/tree-name.ts';

/** What a command says about repositories and the solve. */
export interface SolveChoice extends RepositoryRequest {
  /** null: as before. */
  readonly weakDependencies: boolean | null;
}

/** Where a package of the solution is to be had. */
export type PackageSource =
  | { readonly kind: 'repository'; readonly solved: SolvedPackage }
  | { readonly kind: 'file'; readonly entry: string }
  | { readonly kind: 'stored'; readonly tree: PackageTree }
  /** In rpm-ostree's store. */
  | { readonly kind: 'cached'; readonly cached: CachedPackage };

export interface ChosenPackage {
  readonly nevra: Nevra;
  readonly repo: string;
  readonly reason: SolvedPackage['reason'];
  /** Bytes. */
  readonly packageSize: number;
  readonly installedSize: number;
  readonly source: PackageSource;
}

export interface SolvedChange {
  /** In the order of installation. */
  readonly packages: readonly ChosenPackage[];
  readonly removed: readonly Nevra[];
  /** Base packages with what stands in for them, which is among `packages`. */
  readonly replaced: readonly ReplacedPackage[];
  /** Names of base packages whose override changes nothing: the base has that very package, or none of the name. */
  readonly inactiveOverrides: readonly string[];
  readonly repositories: readonly LoadedRepository[];
  /** Which packages each request brought; those that the base satisfies are left out. */
  readonly requestPackages: ReadonlyMap<string, readonly string[]>;
  /** Requests (a package file by its entry) that the base satisfies, and with which package. */
  readonly provided: readonly { readonly spec: string; readonly by: string }[];
  readonly items: TreeItems;
  readonly treeName: string;
  /** NEVRAs beside which newer ones did not count; empty where that made no difference. */
  readonly heldBack: readonly string[];
}

export interface ReadySolve {
  /** What the solution depends on, besides base and program. */
  readonly inputs: Pick<RequestInputs, 'items' | 'repositories'>;
  /** @throws UserError UNSOLVABLE; `resolve` finds the command that would do it, or null */
  solve(resolve: Resolve): Promise<SolvedChange>;
}

export type Resolve = (problems: readonly SolveProblem[]) => Promise<string | null>;

/** Loads what the solve needs. @throws UserError of repositories that cannot be had */
export async function solveChange(change: Change, origin: LayerOrigin): Promise<ReadySolve> {
  const local = localPackages(change, origin);
  const fromRepositories = [origin.requested, origin.groups, origin.replaceRemote];
  const needsRepositories = fromRepositories.some(({ length }) => length > 0);
  const repositories = needsRepositories ? await repositoriesOf(change) : [];
  return {
    inputs: {
      items: {
        requested: sortedUnique(origin.requested),
        local: sortedUnique(origin.requestedLocal),
        groups: sortedUnique(origin.groups),
        removals: sortedUnique(origin.removals),
        replaceLocal: sortedUnique(origin.replaceLocal),
        replaceRemote: sortedUnique(origin.replaceRemote),
        replaceFiles: sortedUnique(origin.replaceFiles),
        weakDependencies: origin.weakDependencies,
        ...(origin.initramfs.regenerate ? { initramfs: ['regenerate', ...origin.initramfs.args] } : {}),
      },
      repositories: repositories.map(({ config, repomdChecksum }) => [
        config.id,
        repomdChecksum,
        String(config.priority),
        String(config.cost),
        config.excludePackages.join(' '),
        config.includePackages.join(' '),
      ]),
    },
    solve: (resolve) => solveOrigin(change, origin, { local, repositories, resolve }),
  };
}

interface SolveInputs {
  readonly local: readonly KnownLocal[];
  readonly repositories: readonly LoadedRepository[];
  readonly resolve: Resolve;
  /** What the present tree was made of. */
  readonly stored?: readonly KnownLocal[];
  /** Builds that are not to give way to others. */
  readonly keep?: readonly Nevra[];
}

interface KnownLocal {
  readonly entry: string;
  /** Whether it stands in for a base package. */
  readonly isOverride: boolean;
  readonly package: LocalPackage;
  readonly source: PackageSource;
}

async function solveOrigin(change: Change, origin: LayerOrigin, inputs: SolveInputs): Promise<SolvedChange> {
  change.options.progress({ kind: 'stage', stage: 'solve', text: 'Resolving dependencies' });
  const present = onlyTakesAway(change.options) ? presentBuilds(change) : [];
  const kept = present.length === 0 ? null : await attempt(change, origin, { ...inputs, keep: present });
  const free = await attempt(change, origin, inputs);
  const holdsBack = kept?.kind === 'solution' && !bringTheSame(kept, free);
  const known = holdsBack ? kept : free;
  // What only takes away needs no repository that is gone.
  const stored =
    known.kind === 'problems' && present.length > 0
      ? { ...inputs, keep: present, stored: storedLocals(change, inputs) }
      : null;
  const fromStore = stored === null ? null : await attempt(change, origin, stored);
  const usesStore = fromStore?.kind === 'solution';
  const first = usesStore ? fromStore : known;
  // Files alone may need nothing from the repositories, so that a broken one is no obstacle.
  const retry = first.kind === 'problems' && inputs.repositories.length === 0 && inputs.local.length > 0;
  const used = retry
    ? { ...inputs, repositories: await repositoriesOf(change) }
    : usesStore && stored !== null
      ? stored
      : inputs;
  const result = retry ? await attempt(change, origin, used) : first;
  if (result.kind === 'problems') throw problemsError(result.problems, await inputs.resolve(result.problems));
  for (const group of result.groups)
    if (group.missing.length + group.skipped.length > 0)
      change.options.progress({
        kind: 'warning',
        text: `group @${group.id}: cannot be had here: ${[...group.missing, ...group.skipped].join(', ')}`,
      });
  const solved = describe(change, origin, { inputs: used, result });
  return { ...solved, heldBack: holdsBack || usesStore ? present.map(formatNevra) : [] };
}

function attempt(change: Change, origin: LayerOrigin, inputs: SolveInputs): Promise<SolveResult> {
  const { facts } = change;
  return solve(loadSolver(), {
    arch: facts.arch,
    installed: facts.installed,
    repositories: inputs.repositories,
    localPackages: [...inputs.local, ...(inputs.stored ?? [])].map((one) => one.package),
    install: [
      ...origin.requested,
      ...origin.groups.map((id) => `@${id}`),
      ...inputs.local.filter(({ isOverride }) => !isOverride).map((one) => one.package.path),
    ],
    // A removal of what a newer base no longer has is satisfied.
    removeBase: origin.removals.filter((name) => facts.basePackages.has(name)),
    replaceBase: replacementsOf(change, origin, inputs),
    weakDependencies: origin.weakDependencies,
    keep: inputs.keep ?? [],
    earlier: (request) => earlierSources(change, request),
  });
}

function bringTheSame(a: SolveResult, b: SolveResult): boolean {
  const nevras = (one: SolveResult): string =>
    one.kind === 'solution' ? JSON.stringify(one.install.map(({ nevra }) => formatNevra(nevra)).sort()) : '';
  return nevras(a) === nevras(b);
}

/** What is layered, and what stands in for base packages, as it is now. */
function presentBuilds({ system }: Change): Nevra[] {
  return [...system.layered, ...system.replaced.map(({ to }) => to)].map(parseNevra);
}

function replacementsOf(
  { facts }: Change,
  origin: LayerOrigin,
  { local, stored = [] }: SolveInputs,
): BaseReplacement[] {
  const files = local
    .filter(({ isOverride }) => isOverride)
    .map(({ entry, package: { name, path } }): BaseReplacement => ({
      entry,
      name,
      by: { kind: 'file', path },
    }));
  const remote = origin.replaceRemote.map((entry): BaseReplacement => {
    const name = replacedName(entry, facts);
    const kept = stored.find((one) => one.package.name === name);
    const by =
      kept === undefined
        ? { kind: 'repository' as const, ...parseRemoteEntry(entry) }
        : { kind: 'file' as const, path: kept.package.path };
    return { entry, name, by };
  });
  return [...files, ...remote];
}

function describe(
  { facts }: Change,
  origin: LayerOrigin,
  {
    inputs,
    result,
  }: { readonly inputs: SolveInputs; readonly result: Extract<SolveResult, { kind: 'solution' }> },
): Omit<SolvedChange, 'heldBack'> {
  // What an override brings is no layer of its own.
  const overriding = new Set(result.replaced.map(({ to }) => formatNevra(to)));
  const isLayer = (one: Nevra): boolean => !overriding.has(formatNevra(one));
  const locals = new Map([...inputs.local, ...(inputs.stored ?? [])].map((one) => [one.package.path, one]));
  const requestPackages = new Map<string, readonly string[]>();
  const provided: { spec: string; by: string }[] = [];
  const names: string[] = [];
  for (const { spec, packages, inBase } of result.requested) {
    const brought = packages.filter(isLayer).map(({ name }) => name);
    names.push(...brought);
    const request = locals.get(spec)?.entry ?? spec;
    if (brought.length > 0) requestPackages.set(request, brought);
    else provided.push({ spec: request, by: (packages[0] ?? inBase[0])?.name ?? spec });
  }
  for (const { id, packages } of result.groups) {
    const brought = packages.filter(isLayer).map(({ name }) => name);
    if (brought.length > 0) requestPackages.set(`@${id}`, brought);
  }
  const items = itemsOf({ ...origin, removals: result.remove.map(({ name }) => name) }, names);
  return {
    packages: result.install.map((solved) => chosenPackage(solved, locals)),
    removed: result.remove,
    replaced: result.replaced,
    inactiveOverrides: [
      ...result.inactive.map((entry) => replacedName(entry, facts)),
      ...origin.removals.filter((name) => !facts.basePackages.has(name)),
    ],
    repositories: inputs.repositories,
    requestPackages,
    provided,
    items,
    treeName: formatTreeName(origin.base, items),
  };
}

function chosenPackage(solved: SolvedPackage, locals: ReadonlyMap<string, KnownLocal>): ChosenPackage {
  const local = solved.sourceFile === undefined ? undefined : locals.get(solved.sourceFile);
  const { nevra, repo, reason, packageSize, installedSize } = solved;
  const source = local?.source ?? { kind: 'repository' as const, solved };
  return { nevra, repo, reason, packageSize, installedSize, source };
}

/** The package files that are requested: those of this command line, and those that are in the store. */
function localPackages(change: Change, origin: LayerOrigin): KnownLocal[] {
  const overrides = new Set(origin.replaceLocal);
  return [...origin.requestedLocal, ...overrides].map((entry): KnownLocal => {
    const rpm = change.files.get(entry);
    const isOverride = overrides.has(entry);
    if (rpm !== undefined)
      return { entry, isOverride, package: localPackage(rpm), source: { kind: 'file', entry } };
    const source = storedPackageOf(change.system.sysroot.repo, parseFileEntry(entry));
    const { header, nevra } = source.kind === 'stored' ? source.tree : source.cached;
    const path = `/stored/${parseFileEntry(entry).sha256}/${nevra.name}.rpm`;
    return { entry, isOverride, package: storedPackage(header, path), source };
  });
}

/** Without those that are asked for as files. */
function storedLocals(change: Change, { local }: SolveInputs): KnownLocal[] {
  const files = new Set(local.map((one) => formatNevra(one.package)));
  return storedLayers(change)
    .filter(({ nevra }) => !files.has(formatNevra(nevra)))
    .map((tree): KnownLocal => {
      const path = `/stored/${tree.headerSha256}/${tree.nevra.name}.rpm`;
      const source = { kind: 'stored' as const, tree };
      return { entry: path, isOverride: false, package: storedPackage(tree.header, path), source };
    });
}

/** Opened once in a change. */
export function repositoriesOf(change: Change): Promise<readonly LoadedRepository[]> {
  return (change.repositories.opened ??= opened(change));
}

/**
 * What only takes away brings nothing new either, as with rpm-ostree: the versions stay (`presentBuilds`), and the
 * metadata that is here will do. Where that is not all here, the servers are asked after all.
 */
async function opened(change: Change): Promise<readonly LoadedRepository[]> {
  const { system, facts, options } = change;
  const { arch, releasever } = facts;
  const place = { system, arch, releasever };
  if (options.cacheOnly || !onlyTakesAway(options)) return openRepositories(place, options);
  try {
    return await openRepositories(place, { ...options, cacheOnly: true, allNeeded: true });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return openRepositories(place, options);
  }
}

function onlyTakesAway({ base, words, initramfs }: ChangeOptions): boolean {
  const { install, replace, uninstall, remove, reset, clear } = words;
  const takes = uninstall.length + remove.length + clear.length > 0 || reset === null || reset.length > 0;
  return base.kind === 'present' && takes && install.length + replace.length === 0 && initramfs === null;
}
