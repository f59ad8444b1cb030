import { codeOf, duringAsync, messageOf, UserError } from '#ostree/format/errors.ts';
import { digest } from '#native/hash.ts';
import type { SolverAddon } from '#native/solver.ts';
import { openConnections, shownUrl } from '#layering/http-get.ts';
import { type KeyTrust, readKeyring } from '#layering/keyring.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { type CacheDirectory, openCache } from '#layering/metadata-cache.ts';
import { fetchRepomd, type RepomdState, verifyRepomd } from '#layering/metadata-repomd.ts';
import { repositoryOver } from '#layering/metadata-repository.ts';
import { parseRepomd } from '#layering/repomd.ts';
import type { RepositoryConfig } from '#layering/repository-config.ts';
import { fetchBytes, type Transfer } from '#layering/transfer.ts';

/** What is being fetched for a repository; `bytes` so far, `total` where known. */
export interface MetadataProgress {
  readonly repository: string;
  readonly bytes: number;
}

export interface MetadataOptions {
  readonly addon: SolverAddon;
  /** rpm's name of the architecture. */
  readonly arch: string;
  /** Only what the cache has (`-C`): no server is asked. */
  readonly cacheOnly: boolean;
  /** Look for newer metadata even where the cached is young enough. */
  readonly refresh?: boolean;
  /** None is left out, whatever its file says. */
  readonly allNeeded?: boolean;
  readonly trust: KeyTrust;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly onProgress?: (progress: MetadataProgress) => void;
  readonly signal?: AbortSignal;
}

export interface LoadedRepositories {
  readonly repositories: readonly LoadedRepository[];
  /** Those that could not be had and said `skip_if_unavailable`, with the reason. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
}

const MOST_KEY_BYTES = 1 << 20;

/**
 * Loads several repositories at a time. A repository that cannot be had is left out where it says
 * `skip_if_unavailable`. @throws UserError that names every other one that cannot be had, and why
 */
export async function loadRepositories(
  configs: readonly RepositoryConfig[],
  cacheDirectory: string,
  options: MetadataOptions,
): Promise<LoadedRepositories> {
  const outcomes = await Promise.allSettled(
    configs.map((config) => loadMetadata(config, cacheDirectory, options)),
  );
  const repositories: LoadedRepository[] = [];
  const skipped: { id: string; reason: string }[] = [];
  const failures: unknown[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    const config = configs[index];
    if (outcome.status === 'fulfilled') repositories.push(outcome.value);
    else if (
      config?.skipIfUnavailable === true &&
      options.allNeeded !== true &&
      options.signal?.aborted !== true
    )
      skipped.push({ id: config.id, reason: messageOf(outcome.reason) });
    else failures.push(outcome.reason);
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw allFailed(failures);
  return { repositories, skipped };
}

/**
 * The metadata of one repository: from the cache where that is young enough, else newly fetched. Nothing is used
 * before its checksum, and with `repo_gpgcheck` the signature of repomd.xml, has been checked. The cache changes over
 * to newer metadata with one rename after all of it is there; an interruption leaves the older.
 * @throws UserError that names the repository and its address
 */
export async function loadMetadata(
  config: RepositoryConfig,
  cacheDirectory: string,
  options: MetadataOptions,
): Promise<LoadedRepository> {
  const doing = `repository ${config.id}`;
  const repository = await duringAsync(doing, async () => {
    try {
      return await loadOnce(config, cacheDirectory, options);
    } catch (error) {
      // A repository that changed while it was read is whole again a moment later.
      if (codeOf(error) !== 'CHECKSUM_MISMATCH' || options.signal?.aborted === true) throw error;
      return await loadOnce(config, cacheDirectory, { ...options, refresh: true });
    }
  });
  // What is read later names the repository too.
  return {
    ...repository,
    solv: (wanted) => duringAsync(doing, () => repository.solv(wanted)),
    comps: () => duringAsync(doing, () => repository.comps()),
    modularPackages: () => duringAsync(doing, () => repository.modularPackages()),
  };
}

async function loadOnce(
  config: RepositoryConfig,
  cacheDirectory: string,
  options: MetadataOptions,
): Promise<LoadedRepository> {
  const cache = openCache(config, cacheDirectory);
  const transfer = transferFor(config, options);
  const keyring = () =>
    readKeyring(config.gpgKeys, options.trust, (url) => fetchKey(url, transfer, options.cacheOnly));
  const { cacheOnly } = options;
  const verify = (state: RepomdState) => verifyRepomd({ config, state, cache, keyring, transfer, cacheOnly });
  const cached = cache.readRepomd();
  const isFresh = cached === null || !mayUse(cached.ageAt(options.now), config, options);
  const state = isFresh ? await newState(config, { transfer, cacheOnly, verify }) : cached;
  if (!isFresh) await verify(state);
  const repomd = parseRepomd(Buffer.from(state.bytes).toString('utf8'), 'repomd.xml');
  const repository = repositoryOver({ config, state, repomd, cache, transfer, keyring, options });
  if (!isFresh) return repository;
  await settle(repository, cache, state);
  const inForce = [...repomd.values()].map(({ checksum }) => checksum.hex);
  cache.removeOthers([...inForce, digest('sha256', state.bytes)]);
  return repository;
}

function mayUse(age: number, config: RepositoryConfig, options: MetadataOptions): boolean {
  if (options.cacheOnly) return true;
  // A repository on this machine costs nothing to look at.
  if (config.baseUrls.some((url) => url.startsWith('file:'))) return false;
  return options.refresh !== true && age >= 0 && age < config.metadataExpire;
}

async function newState(
  config: RepositoryConfig,
  how: {
    readonly transfer: Transfer;
    readonly cacheOnly: boolean;
    readonly verify: (state: RepomdState) => Promise<void>;
  },
): Promise<RepomdState> {
  if (how.cacheOnly)
    throw new UserError('NOT_CACHED', 'its metadata is not in the cache, and only the cache may be used', {
      hint: 'run once without -C, or leave the repository out with --disablerepo',
    });
  return await fetchRepomd(config, how.transfer, how.verify);
}

/** Everything an offline run needs is brought in before the new repomd.xml takes effect. */
async function settle(
  repository: LoadedRepository,
  cache: CacheDirectory,
  state: RepomdState,
): Promise<void> {
  await repository.solv({ filelists: false });
  await repository.prefetch();
  cache.placeRepomd(state);
}

async function fetchKey(url: string, transfer: Transfer, cacheOnly: boolean): Promise<Uint8Array> {
  if (cacheOnly)
    throw new UserError(
      'NOT_CACHED',
      `its key ${shownUrl(url)} would have to be fetched, and only the cache may be used`,
    );
  return await fetchBytes(url, transfer, MOST_KEY_BYTES);
}

function transferFor(config: RepositoryConfig, options: MetadataOptions): Transfer {
  let bytes = 0;
  const onBytes = (count: number): void => {
    bytes += count;
    options.onProgress?.({ repository: config.id, bytes });
  };
  return { connections: openConnections(config.transfer), signal: options.signal, onBytes };
}

function allFailed(failures: readonly unknown[]): UserError {
  const hints = failures.flatMap((failure) => (failure instanceof UserError ? (failure.hint ?? []) : []));
  return new UserError('REPOSITORIES_UNAVAILABLE', failures.map(messageOf).join('\n'), {
    ...(hints.length > 0 ? { hint: [...new Set(hints)].join('\n') } : {}),
  });
}
