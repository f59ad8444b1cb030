/** Looks for updates: of the base by its commit alone, of layered packages and advisories by the repositories' metadata. */
import { loadSolver, type Sack } from '#native/solver.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { metadataString } from '#ostree/format/commit.ts';
import { messageOf } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { isPartial } from '#ostree/repo/partial.ts';
import { chooseBase, type BaseOptions } from '#layering/base-choice.ts';
import { withFacts, type BaseFacts } from '#layering/change-facts.ts';
import { recordedPackages } from '#layering/client-layer.ts';
import { compareEvr } from '#layering/evr.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { formatNevra, parseNevra, type Nevra } from '#layering/nevra.ts';
import { openRepositories, type RepositoryRequest } from '#layering/open-repositories.ts';
import { parseFileEntry, parseRemoteEntry } from '#layering/origin-entries.ts';
import {
  diffPackages,
  isEmptyDiff,
  NO_DIFFERENCE,
  type PackageDiff,
  type VersionChange,
} from '#layering/package-diff.ts';
import { fillSack } from '#layering/solve-sack.ts';
import { withSystem, type System, type SystemChoice } from '#layering/system.ts';
import { treePackages } from '#layering/tree-packages.ts';
import { advisoriesOf, type Advisory } from '#layering/updateinfo.ts';
import { writeUpdateState, type AvailableUpdate } from '#layering/update-state.ts';
import type { UpdatePolicy } from '#layering/update-policy.ts';

/**
 * What an upgrade would bring; null where nothing. It is remembered for `status`. The base's ref follows its remote, of whose
 * commit only the metadata is fetched; an upgrade fetches the rest.
 * @throws UserError of the pull and of repositories that cannot be had
 */
export function checkForUpdate(
  choice: SystemChoice,
  options: Omit<BaseOptions, 'base' | 'part'>,
  policy: UpdatePolicy | null,
): Promise<AvailableUpdate | null> {
  return withSystem(choice, async (system) => {
    const base = { kind: 'newest', allowDowngrade: false, retryFailed: false } as const;
    const { commit, origin } = await chooseBase(system, { ...options, base, part: 'commit' });
    const baseDiff = baseDifference(system, commit);
    const { layered, advisories } = await withFacts(system, system.baseCommit, (facts) =>
      ofRepositories({ system, facts, options }, baseDiff),
    );
    const refHasNewCommit = commit !== system.baseCommit;
    const found = loadCommit(system.sysroot.repo, commit);
    const update = {
      osname: system.stateroot,
      from: system.from.checksum,
      baseFrom: system.baseCommit,
      origin: origin.base,
      checksum: commit,
      version: metadataString(found, 'version') ?? null,
      timestamp: found.timestamp,
      refHasNewCommit,
      base: baseDiff,
      layered,
      advisories,
    };
    const isNew = refHasNewCommit || !isEmptyDiff(layered);
    const result = isNew ? 'available' : 'none';
    const time = Math.floor(options.now);
    writeUpdateState(system.historyPath, {
      time,
      policy,
      result,
      error: null,
      update: isNew ? update : null,
    });
    return isNew ? update : null;
  });
}

/** null where the new commit does not list its packages, and is not here to be asked. */
function baseDifference(system: System, commit: Checksum): PackageDiff | null {
  const { repo } = system.sysroot;
  if (commit === system.baseCommit) return NO_DIFFERENCE;
  const listed = recordedPackages(loadCommit(repo, commit));
  const after = listed ?? (isPartial(repo, commit) ? null : treePackages(system.sysroot, commit));
  return after === null ? null : diffPackages(treePackages(system.sysroot, system.baseCommit), after);
}

interface Look {
  readonly system: System;
  readonly facts: BaseFacts;
  readonly options: RepositoryRequest;
}

async function ofRepositories(
  look: Look,
  base: PackageDiff | null,
): Promise<{ readonly layered: PackageDiff; readonly advisories: readonly Advisory[] }> {
  const { system, facts, options } = look;
  const { arch, releasever, installed } = facts;
  const repositories = await openRepositories({ system, arch, releasever }, options);
  if (repositories.length === 0) return { layered: NO_DIFFERENCE, advisories: [] };
  const sack = await fillSack(loadSolver(), { arch, installed, repositories, localPackages: [] }, false);
  const layered = { ...NO_DIFFERENCE, upgraded: newerPackages(system, sack) };
  const known = await knownAdvisories(repositories, options);
  const both = [...advisoriesOf(base ?? NO_DIFFERENCE, known), ...advisoriesOf(layered, known)];
  return { layered, advisories: both };
}

/**
 * The newest versions that repositories have of what is layered, and of what stands in for base packages; what else an upgrade
 * would change only a solve can tell. What was layered from a file stays as it is, and what a request names by its
 * version moves only as far as that goes.
 */
function newerPackages({ layered, origin, replaced, requestPackages }: System, sack: Sack): VersionChange[] {
  const files = new Set(origin.requestedLocal.map((entry) => formatNevra(parseFileEntry(entry).nevra)));
  const followed = layered
    .filter((nevra) => !files.has(nevra))
    .map(parseNevra)
    .map((from) => {
      const specs = origin.requested.filter((spec) => requestPackages.get(spec)?.includes(from.name));
      return { from, specs, repo: null };
    });
  const remote = origin.replaceRemote.map(parseRemoteEntry);
  const standing = replaced.flatMap(({ to, source }) => {
    const from = parseNevra(to);
    const entries = remote.filter(({ id }) => source === `repo=${id}`);
    const specs = entries.map(({ spec }) => spec).filter((spec) => isSpecOf(sack, spec, from));
    return specs.length === 0 ? [] : [{ from, specs, repo: (source ?? '').slice('repo='.length) }];
  });
  return [...followed, ...standing].flatMap((one) => newestOf(sack, one) ?? []);
}

function isSpecOf(sack: Sack, spec: string, { name }: Nevra): boolean {
  return sack.query(spec, false).some((one) => one.name === name);
}

interface Followed {
  readonly from: Nevra;
  /** Each has to select the newer one too. */
  readonly specs: readonly string[];
  /** The repository that it has to be of; null: any. */
  readonly repo: string | null;
}

function newestOf(sack: Sack, { from, specs, repo }: Followed): VersionChange | null {
  // A spec that is found in another way (by a file, or something provided) limits nothing.
  const named = specs.map((spec) => sack.query(spec, false).filter((one) => one.name === from.name));
  const selected = named.filter(({ length }) => length > 0).map((all) => new Set(all.map(formatNevra)));
  const offered = sack
    .query(from.name, false)
    .filter((one) => !one.installed && one.name === from.name && one.arch === from.arch)
    .filter((one) => repo === null || one.repo === repo)
    .filter((one) => selected.every((nevras) => nevras.has(formatNevra(one))))
    .sort((a, b) => compareEvr(b, a));
  const [newest] = offered;
  if (newest === undefined || compareEvr(newest, from) <= 0) return null;
  const { name, epoch, version, release, arch } = newest;
  return { from, to: { name, epoch, version, release, arch } };
}

/** Advisories that cannot be had are no reason not to tell of the packages. */
export async function knownAdvisories(
  repositories: readonly LoadedRepository[],
  { progress }: Pick<RepositoryRequest, 'progress'>,
): Promise<Advisory[]> {
  const all = await Promise.all(
    repositories.map((repository) =>
      repository.advisories().catch((error: unknown) => {
        progress({ kind: 'warning', text: `no advisories: ${messageOf(error)}` });
        return [];
      }),
    ),
  );
  return all.flat();
}
