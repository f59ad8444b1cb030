import { UserError } from '#ostree/format/errors.ts';
import type { Sack, SolverAddon } from '#native/solver.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { packPackages } from '#layering/packed-packages.ts';
import { COMMAND_LINE } from '#layering/problems.ts';
import type { SolveRequest } from '#layering/solve.ts';

type SackContents = Pick<SolveRequest, 'arch' | 'installed' | 'repositories' | 'localPackages'>;

/** The name of the base's packages among repositories; no repository file can hold it. */
const BASE = '@base';

/** Loads all that a request may choose from; what repository files exclude is hidden. */
export async function fillSack(addon: SolverAddon, request: SackContents, filelists: boolean): Promise<Sack> {
  const sack = new addon.Sack(request.arch);
  sack.addPackages(BASE, packPackages(request.installed), true);
  if (request.localPackages.length > 0)
    sack.addPackages(COMMAND_LINE, packPackages(request.localPackages), false);
  for (const repository of request.repositories) await loadRepository(sack, repository, filelists);
  // After all are there: the addon indexes what it has before it matches patterns.
  for (const repository of request.repositories) await hideExcluded(sack, repository);
  return sack;
}

async function loadRepository(sack: Sack, repository: LoadedRepository, filelists: boolean): Promise<void> {
  const { id, priority, cost } = repository.config;
  for (const renew of [false, true]) {
    const { path, key } = await repository.solv({ filelists, renew });
    if (sack.loadSolv(id, path, key, priority, cost) !== null) return;
  }
  throw new UserError(
    'BAD_CACHE',
    `repository ${id}: its cache cannot be read although it was just written`,
    {
      hint: 'check the file system that holds /var/cache',
    },
  );
}

async function hideExcluded(sack: Sack, repository: LoadedRepository): Promise<void> {
  const { id, excludePackages, includePackages } = repository.config;
  if (includePackages.length > 0) sack.exclude(id, includePackages, true);
  const hidden = [...excludePackages, ...(await repository.modularPackages())];
  if (hidden.length > 0) sack.exclude(id, hidden, false);
}
