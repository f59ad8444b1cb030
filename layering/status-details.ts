/** What `status --json` has beside the table's facts: of the base, of what is newer, of the commits' own metadata. */
import { metadataString, type Commit } from '#ostree/format/commit.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { Variant, VariantDict } from '#ostree/format/gvariant.ts';
import { keyFileList, keyFileString } from '#ostree/format/keyfile.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { readRef } from '#ostree/repo/refs.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { DeploymentStatus } from '#layering/status.ts';

/** As rpm-ostree: what is too long for people, as `db list` tells, and what stands in fields of its own. */
const LEFT_OUT = [
  'rpmostree.rpmdb.pkglist',
  'rpmostree.advisories',
  'rpmostree.packages',
  'rpmostree.modules',
  'rpmostree.spec',
  'rpmostree.removed-base-packages',
  'rpmostree.replaced-base-packages',
  'rpmostree.replaced-base-remote-packages',
];

export interface RemotePlaces {
  readonly repo: Repo;
  /** Directory of the remotes beside the repository's own configuration. */
  readonly remotes: string | null;
}

/** Fields by rpm-ostree's names; those that do not apply are left out, as it does. */
export function statusDetails(places: RemotePlaces, status: DeploymentStatus): Record<string, unknown> {
  const { repo } = places;
  const { deployment, baseCommit } = status;
  const [commit, base] = [readableCommit(repo, deployment.checksum), readableCommit(repo, baseCommit)];
  const isLayered = baseCommit !== deployment.checksum;
  const endOfLife = base === null ? undefined : metadataString(base, 'ostree.endoflife');
  return {
    'finalization-locked': deployment.isLocked === true,
    ...(isLayered && base !== null ? prefixed('base-', base) : {}),
    ...(isLayered && commit !== null ? { 'layered-commit-meta': metadataJson(commit.metadata) } : {}),
    ...(base === null ? {} : { 'base-commit-meta': metadataJson(base.metadata) }),
    ...pendingBase(repo, status),
    ...(endOfLife === undefined ? {} : { endoflife: endOfLife }),
    ...ofOrigin(places, status),
  };
}

/** A damaged commit is told of by the remarks. */
function readableCommit(repo: Repo, checksum: Checksum): Commit | null {
  try {
    return loadCommitIfThere(repo, checksum);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

function prefixed(prefix: string, commit: Commit): Record<string, unknown> {
  const version = metadataString(commit, 'version');
  return {
    ...(version === undefined ? {} : { [`${prefix}version`]: version }),
    [`${prefix}timestamp`]: commit.timestamp,
  };
}

/** Where the base's ref names another commit by now. */
function pendingBase(repo: Repo, { base, baseCommit }: DeploymentStatus): Record<string, unknown> {
  const newest = base === null || isChecksum(base) ? null : readRef(repo, base);
  if (newest === null || newest === baseCommit) return {};
  const commit = readableCommit(repo, newest);
  return {
    'pending-base-checksum': newest,
    ...(commit === null ? {} : prefixed('pending-base-', commit)),
  };
}

function ofOrigin(places: RemotePlaces, { deployment, base }: DeploymentStatus): Record<string, unknown> {
  const { origin } = deployment;
  if (origin === null) return {};
  const url = keyFileString(origin, 'origin', 'custom-url');
  const description = keyFileString(origin, 'origin', 'custom-description');
  const container = keyFileString(origin, 'origin', 'container-image-reference');
  const remote = base === null || isChecksum(base) ? null : parseRefspec(base).remote;
  const replacing = keyFileList(origin, 'packages', 'requested-local-fileoverride') ?? [];
  return {
    'requested-local-fileoverride-packages': replacing.map((entry) => entry.slice(entry.indexOf(':') + 1)),
    ...remoteStatus(places, remote),
    ...(url === null ? {} : { 'custom-origin': [url, description ?? ''] }),
    ...(container === null ? {} : { 'container-image-reference': container }),
  };
}

function remoteStatus({ repo, remotes }: RemotePlaces, remote: string | null): Record<string, unknown> {
  if (remote === null) return { 'gpg-enabled': false };
  try {
    return { 'gpg-enabled': findRemote(repo, remote, remotes).gpgVerify };
  } catch (error) {
    if (codeOf(error) !== 'NO_REMOTE') throw error;
    return { 'remote-error': messageOf(error) };
  }
}

/** As JSON has it: dictionaries are objects, bytes are lists of numbers. */
function metadataJson(metadata: VariantDict): Record<string, unknown> {
  const shown = metadata.filter(([key]) => !LEFT_OUT.includes(key));
  return Object.fromEntries(shown.map(([key, variant]) => [key, variantJson(variant)]));
}

function variantJson({ type, value }: Variant): unknown {
  if (!type.startsWith('a{s')) return plain(value);
  return Object.fromEntries((value as [string, unknown][]).map(([key, one]) => [key, plain(one)]));
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  const isVariant = typeof value === 'object' && value !== null && 'type' in value && 'value' in value;
  return isVariant ? variantJson(value as Variant) : value;
}
