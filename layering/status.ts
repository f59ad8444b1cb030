/** What `status` says of deployments: data for the table and for `--json`. */
import { fallbackFacts, fallbackLines, type FallbackFacts } from '#bootloader/fallback-report.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import { rollbackDeployment } from '#bootloader/rollback.ts';
import { lookupVariant, metadataString, type Commit } from '#ostree/format/commit.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { addedPackages, readClientLayer } from '#layering/client-layer.ts';
import { readLayerOrigin, type LayerOrigin } from '#layering/layer-origin.ts';
import { parseNevra } from '#layering/nevra.ts';
import { shownRequest } from '#layering/origin-entries.ts';
import { replacedName } from '#layering/plan.ts';
import type { LiveRecord, RestartResult } from '#layering/live-record.ts';
import { removedPackages, replacements, type Replacement } from '#layering/replacements.ts';
import { formatTreeName, NO_ITEMS, sortedUnique, withoutRemote } from '#layering/tree-name.ts';

export interface DeploymentStatus {
  readonly deployment: Deployment;
  /** `CSUM.N` */
  readonly id: string;
  /** The display name, e.g. `base+@tracing-nano`; for a tree of no known ref its checksum. */
  readonly treeName: string;
  /** The base's ref or pinned checksum; null where the origin says nothing. */
  readonly base: string | null;
  readonly baseCommit: Checksum;
  readonly version: string | null;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** Names in the tree's name. */
  readonly packages: readonly string[];
  readonly groups: readonly string[];
  readonly removals: readonly string[];
  readonly replaced: readonly Replacement[];
  /** NEVRAs of the base packages that are left out. */
  readonly removed: readonly string[];
  /** Names of base packages whose override changes nothing on this base. */
  readonly inactiveOverrides: readonly string[];
  /** NEVRAs of everything that is layered. */
  readonly resolved: readonly string[];
  readonly request: LayerOrigin | null;
  /** Requests that the base satisfies, so that nothing is layered for them. */
  readonly inactive: readonly string[];
  readonly isRollback: boolean;
  /** none, development, transient or hotfix. */
  readonly unlocked?: string;
  readonly maskedUnits?: readonly string[];
  /** What `apply-live` made of it; null where nothing was applied. */
  readonly applied?: LiveRecord | null;
  /** Services that were restarted since it was booted. */
  readonly restarted?: readonly RestartResult[];
  /** Further fields of `--json`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** What is wrong with the deployment, for people. */
  readonly remarks: readonly string[];
  /** Of its boots, where something is known of them. */
  readonly fallback?: FallbackFacts;
}

/** Of all deployments, or of one stateroot's, in the order of the boot menu. */
export function readStatus(sysroot: Sysroot, stateroot: string | null): DeploymentStatus[] {
  const fallback = readFallback(sysroot);
  const rollback = rollbackDeployment(sysroot, fallback);
  return sysroot.deployments
    .filter((deployment) => stateroot === null || deployment.stateroot === stateroot)
    .map((deployment) => {
      const status = statusOf(sysroot.repo, deployment, deployment === rollback);
      const boots = fallbackLines(sysroot, fallback, deployment).map((line) => line.trim());
      const remarks = [...status.remarks, ...boots];
      return { ...status, remarks, ...fallbackFacts(sysroot, fallback, deployment) };
    });
}

export interface DerivedTree {
  /** null where rpm-ostree made the tree, which gives none a name. */
  readonly treeName: string | null;
  readonly base: string;
  readonly baseCommit: Checksum;
  readonly inputDigest: string;
}

/** What a derived commit, ours or rpm-ostree's, says of itself; null for a commit that is no derived tree. */
export function readDerived(commit: Commit): DerivedTree | null {
  const baseCommit = metadataString(commit, 'yum-ostree.base-commit');
  const treeName = metadataString(commit, 'yum-ostree.tree-name');
  if (baseCommit === undefined || treeName === undefined) {
    const layer = readClientLayer(commit);
    return layer && { treeName: null, base: '', baseCommit: layer.baseCommit, inputDigest: '' };
  }
  return {
    treeName,
    base: metadataString(commit, 'yum-ostree.base') ?? '',
    baseCommit: baseCommit as Checksum,
    inputDigest: metadataString(commit, 'yum-ostree.input-digest') ?? '',
  };
}

/** A list of the commit's metadata; empty where it is not there. */
export function metadataList(commit: Commit, key: string): string[] {
  return (lookupVariant(commit.metadata, key, 'as') as string[] | undefined) ?? [];
}

/** Which packages each active request of a derived tree brought; in one of rpm-ostree's, which do not tell: itself. */
export function requestPackages(commit: Commit): Map<string, readonly string[]> {
  const pairs = lookupVariant(commit.metadata, 'yum-ostree.requests', 'a{sas}');
  if (pairs !== undefined) return new Map(pairs as unknown as [string, string[]][]);
  return new Map(readClientLayer(commit)?.packages.map((spec) => [spec, [spec]]));
}

/** The display name of a tree that has none of its own. */
export function nameOfTree(base: string, commit: Commit | null): string {
  const layer = commit === null ? null : readClientLayer(commit);
  if (commit === null || layer === null) return formatTreeName(base, NO_ITEMS);
  return formatTreeName(base, { groups: [], packages: layer.packages, removals: removedNames(commit) });
}

/** Names of the base packages that a derived tree leaves out. */
export function removedNames(commit: Commit): string[] {
  return sortedUnique(removedPackages(commit).map((nevra) => parseNevra(nevra).name));
}

/** NEVRAs of all that a derived tree layers. */
export function layeredPackages(repo: Repo, commit: Commit): string[] {
  const own = lookupVariant(commit.metadata, 'yum-ostree.resolved', 'as') as string[] | undefined;
  const layer = readClientLayer(commit);
  if (own !== undefined || layer === null) return own ?? [];
  const base = commitOf(repo, layer.baseCommit).commit;
  const replacing = replacements(commit).map(({ to }) => to);
  return base === null ? [] : addedPackages(commit, base, replacing);
}

function statusOf(repo: Repo, deployment: Deployment, isRollback: boolean): DeploymentStatus {
  const { commit, fault } = commitOf(repo, deployment.checksum);
  const derived = commit === null ? null : readDerived(commit);
  const request = requestOf(deployment);
  const packages = commit === null ? [] : metadataList(commit, 'yum-ostree.packages');
  const base = request?.base ?? derived?.base ?? null;
  return {
    deployment,
    id: deploymentName(deployment),
    treeName: derived?.treeName ?? (base === null ? deployment.checksum : nameOfTree(base, commit)),
    base,
    baseCommit: derived?.baseCommit ?? deployment.checksum,
    version: (commit === null ? undefined : metadataString(commit, 'version')) ?? null,
    timestamp: commit?.timestamp ?? 0,
    packages: derived?.treeName === null ? (request?.requested ?? []) : packages,
    groups: commit === null ? [] : metadataList(commit, 'yum-ostree.groups'),
    removals: commit === null ? [] : removedNames(commit),
    replaced: commit === null ? [] : replacements(commit),
    removed: commit === null ? [] : removedPackages(commit),
    inactiveOverrides: commit === null ? [] : inactiveOverrides(commit, request),
    resolved: commit === null ? [] : layeredPackages(repo, commit),
    request,
    inactive: commit === null ? [] : inactiveOf(commit, request),
    isRollback,
    remarks: [...(fault === null ? [] : [fault]), ...remarksOf(deployment, commit)],
  };
}

function inactiveOf(commit: Commit, request: LayerOrigin | null): string[] {
  const active = requestPackages(commit);
  // rpm-ostree's trees do not tell which package files are active.
  const requestedLocal = readDerived(commit)?.treeName === null ? [] : (request?.requestedLocal ?? []);
  const requested = [...(request?.requested ?? []), ...requestedLocal];
  return requested.filter((spec) => !active.has(spec)).map(shownRequest);
}

function inactiveOverrides(commit: Commit, request: LayerOrigin | null): string[] {
  if (request === null) return [];
  const gone = new Set(removedNames(commit));
  const replaced = new Set(replacements(commit).map(({ name }) => name));
  const names = [...request.replaceLocal, ...request.replaceRemote].map((entry) =>
    replacedName(entry, { basePackages: replaced }),
  );
  return [
    ...request.removals.filter((name) => !gone.has(name)),
    ...names.filter((name) => !replaced.has(name)),
  ];
}

function requestOf(deployment: Deployment): LayerOrigin | null {
  try {
    return readLayerOrigin(deployment.origin);
  } catch (error) {
    if (codeOf(error) === 'BAD_ORIGIN') return null;
    throw error;
  }
}

/** A commit that cannot be read is told of beside the other deployments. */
function commitOf(
  repo: Repo,
  checksum: Checksum,
): { readonly commit: Commit | null; readonly fault: string | null } {
  try {
    const commit = loadCommitIfThere(repo, checksum);
    return { commit, fault: commit === null ? 'its commit is missing from the repository' : null };
  } catch (error) {
    return { commit: null, fault: `its commit is damaged: ${messageOf(error)}` };
  }
}

function remarksOf({ origin }: Deployment, commit: Commit | null): string[] {
  const remarks: string[] = [];
  if (origin === null) remarks.push('it has no origin file: packages cannot be layered on it');
  const container = origin === null ? null : keyFileString(origin, 'origin', 'container-image-reference');
  if (container !== null) remarks.push(`it comes from the container image ${container}`);
  const named = origin === null ? null : keyFileString(origin, 'yum-ostree', 'tree-name');
  const derived = commit === null ? null : readDerived(commit);
  if (named !== null && derived?.treeName != null && withoutRemote(named) !== derived.treeName)
    remarks.push(`its origin calls it ${named}`);
  return remarks;
}
