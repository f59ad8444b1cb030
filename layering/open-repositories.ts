/** The enabled repositories of a system, their metadata at hand: for a solve and for queries. */
import fs from 'node:fs';
import path from 'node:path';
import { loadSolver } from '#native/solver.ts';
import type { KeyTrust } from '#layering/keyring.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { loadRepositories } from '#layering/metadata.ts';
import type { Progress } from '#layering/progress.ts';
import { readVariables } from '#layering/repo-variables.ts';
import { readRepositories } from '#layering/repository-config.ts';
import type { System } from '#layering/system.ts';

/** What a command says about repositories. */
export interface RepositoryRequest {
  readonly repoFromPath: readonly string[];
  readonly enable: readonly string[];
  readonly disable: readonly string[];
  readonly noGpgChecks: boolean;
  readonly cacheOnly: boolean;
  /** Look for newer metadata even where the cached is young enough. */
  readonly refresh?: boolean;
  /** Leave out none that cannot be had, not even those whose file allows it. */
  readonly allNeeded?: boolean;
  readonly acceptKeys: readonly string[];
  readonly confirmKey?: NonNullable<KeyTrust['confirmKey']>;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Whose repositories they are. */
export interface RepositoryPlace {
  readonly system: Pick<System, 'mergePath' | 'cachePath'>;
  /** rpm's name of the architecture. */
  readonly arch: string;
  /** VERSION_ID of the base's os-release; '' where it has none. */
  readonly releasever: string;
}

/** @throws UserError that names every repository that cannot be had */
export async function openRepositories(
  { system, arch, releasever }: RepositoryPlace,
  request: RepositoryRequest,
): Promise<readonly LoadedRepository[]> {
  const configs = configuredRepositories({ system, arch, releasever }, request);
  request.progress({
    kind: 'stage',
    stage: 'metadata',
    text: `Reading repositories: ${configs.map(({ id }) => id).join(', ') || 'none is enabled'}`,
  });
  fs.mkdirSync(system.cachePath, { recursive: true });
  const { repositories, skipped } = await loadRepositories(configs, system.cachePath, {
    addon: loadSolver(),
    arch,
    cacheOnly: request.cacheOnly,
    refresh: request.refresh === true,
    allNeeded: request.allNeeded === true,
    trust: {
      root: system.mergePath,
      acceptKeys: request.acceptKeys,
      ...(request.confirmKey === undefined ? {} : { confirmKey: request.confirmKey }),
    },
    now: request.now,
    signal: request.signal,
    onProgress: ({ repository, bytes }) =>
      request.progress({
        kind: 'amount',
        stage: 'metadata',
        unit: 'bytes',
        done: bytes,
        total: null,
        item: repository,
      }),
  });
  for (const { id, reason } of skipped)
    request.progress({ kind: 'warning', text: `repository ${id} is left out: ${reason}` });
  return repositories;
}

function configuredRepositories({ system, arch, releasever }: RepositoryPlace, request: RepositoryRequest) {
  const root = system.mergePath;
  const basearch = /^i[3-6]86$/.test(arch) ? 'i386' : arch;
  const variables = readVariables([path.join(root, 'etc/yum/vars'), path.join(root, 'etc/dnf/vars')], {
    releasever,
    basearch,
  });
  return readRepositories(path.join(root, 'etc/yum.repos.d'), {
    variables,
    repoFromPath: request.repoFromPath,
    enable: request.enable,
    disable: request.disable,
    noGpgChecks: request.noGpgChecks,
  });
}
