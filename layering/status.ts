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
import { readLayerOrigin, type LayerOrigin } from '#layering/layer-origin.ts';
import { replacedName } from '#layering/plan.ts';
import type { LiveRecord, RestartResult } from '#layering/live-record.ts';
import { removedPackages, replacements, type Replacement } from '#layering/replacements.ts';
import { formatTreeName, withoutRemote } from '#layering/tree-name.ts';

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

/** What a derived commit says of itself; null for a commit that is no derived tree of ours. */
export function readDerived(commit: Commit): {
  readonly treeName: string;
  readonly base: string;
  readonly baseCommit: Checksum;
  readonly inputDigest: string;
} | null {
  const baseCommit = metadataString(commit, 'yum-ostree.base-commit');
  const treeName = metadataString(commit, 'yum-ostree.tree-name');
  if (baseCommit === undefined || treeName === undefined) return null;
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

/** Which packages each active request of a derived tree brought. */
export function requestPackages(commit: Commit): Map<string, readonly string[]> {
  const pairs = lookupVariant(commit.metadata, 'yum-ostree.requests', 'a{sas}');
  return new Map((pairs ?? []) as unknown as [string, string[]][]);
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
    treeName: derived?.treeName ?? (base === null ? deployment.checksum : pureName(base)),
    base,
    baseCommit: derived?.baseCommit ?? deployment.checksum,
    version: (commit === null ? undefined : metadataString(commit, 'version')) ?? null,
    timestamp: commit?.timestamp ?? 0,
    packages,
    groups: commit === null ? [] : metadataList(commit, 'yum-ostree.groups'),
    removals: commit === null ? [] : metadataList(commit, 'yum-ostree.removals'),
    replaced: commit === null ? [] : replacements(commit),
    removed: commit === null ? [] : removedPackages(commit),
    inactiveOverrides: commit === null ? [] : inactiveOverrides(commit, request),
    resolved: commit === null ? [] : metadataList(commit, 'yum-ostree.resolved'),
    request,
    inactive: commit === null ? [] : inactiveOf(commit, request),
    isRollback,
    remarks: [...(fault === null ? [] : [fault]), ...remarksOf(deployment, commit)],
  };
}

function pureName(base: string): string {
  return formatTreeName(base, { groups: [], packages: [], removals: [] });
}

function inactiveOf(commit: Commit, request: LayerOrigin | null): string[] {
  const active = requestPackages(commit);
  return (request?.requested ?? []).filter((spec) => !active.has(spec));
}

function inactiveOverrides(commit: Commit, request: LayerOrigin | null): string[] {
  if (request === null) return [];
  const gone = new Set(metadataList(commit, 'yum-ostree.removals'));
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
  if (named !== null && derived !== null && withoutRemote(named) !== derived.treeName)
    remarks.push(`its origin calls it ${named}`);
  return remarks;
}
