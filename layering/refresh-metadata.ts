import { loadSolver } from '#native/solver.ts';
import { withFacts } from '#layering/change-facts.ts';
import { openRepositories, type RepositoryRequest } from '#layering/open-repositories.ts';
import { fillSack } from '#layering/solve-sack.ts';
import { withSystem, type SystemChoice } from '#layering/system.ts';

export interface RefreshedRepository {
  readonly id: string;
  readonly name: string;
  /** `sha256:hex` of its repomd.xml. */
  readonly repomdChecksum: string;
  readonly packages: number;
}

/** Brings the metadata of every enabled repository into the cache. @throws UserError of those that cannot be had */
export function refreshMetadata(
  choice: SystemChoice,
  request: RepositoryRequest,
): Promise<RefreshedRepository[]> {
  return withSystem(choice, (system) =>
    withFacts(system, system.baseCommit, async ({ arch, releasever }) => {
      const repositories = await openRepositories({ system, arch, releasever }, request);
      const sack = await fillSack(
        loadSolver(),
        { arch, installed: [], repositories, localPackages: [] },
        false,
      );
      return repositories.map(({ config, repomdChecksum }) => ({
        id: config.id,
        name: config.name,
        repomdChecksum,
        packages: sack.count(config.id),
      }));
    }),
  );
}
