/** What queries look at: the packages of the repositories beside those of the tree that boots next. */
import { loadSolver, type Sack } from '#native/solver.ts';
import type { Comps } from '#layering/comps.ts';
import { withFacts, type BaseFacts } from '#layering/change-facts.ts';
import { allComps, type LoadedRepository } from '#layering/loaded-repository.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { openRepositories, type RepositoryRequest } from '#layering/open-repositories.ts';
import { fillSack } from '#layering/solve-sack.ts';
import { withSystemUnchanged, type System, type SystemChoice } from '#layering/system.ts';

/** Where a package stands, seen from the tree that boots next. */
export type PackageState = 'base' | 'layered' | 'removed' | 'available';

export interface PackageWorld {
  readonly system: System;
  readonly facts: BaseFacts;
  readonly repositories: readonly LoadedRepository[];
  stateOf(nevra: Nevra): PackageState;
  /** The packages of the repositories; with their file lists where `filelists`. */
  sack(filelists: boolean): Promise<Sack>;
  /** The groups of each repository that has any. */
  comps(): Promise<Comps[]>;
}

/** Runs a query; nothing but the metadata's cache is changed. @throws UserError of repositories that cannot be had */
export function withPackages<T>(
  choice: SystemChoice,
  request: RepositoryRequest,
  query: (world: PackageWorld) => Promise<T>,
): Promise<T> {
  return withSystemUnchanged(choice, (system) =>
    withFacts(system, system.baseCommit, async (facts) => {
      const { arch, releasever } = facts;
      const repositories = await openRepositories({ system, arch, releasever }, request);
      return query(worldOf(system, facts, repositories));
    }),
  );
}

function worldOf(system: System, facts: BaseFacts, repositories: readonly LoadedRepository[]): PackageWorld {
  const layered = new Set(system.layered);
  const removed = new Set(system.removed);
  const base = new Set(facts.installed.map(formatNevra));
  return {
    system,
    facts,
    repositories,
    stateOf(nevra) {
      const text = formatNevra(nevra);
      if (layered.has(text)) return 'layered';
      if (!base.has(text)) return 'available';
      return removed.has(nevra.name) ? 'removed' : 'base';
    },
    sack: (filelists) =>
      fillSack(
        loadSolver(),
        { arch: facts.arch, installed: facts.installed, repositories, localPackages: [] },
        filelists,
      ),
    comps: () => allComps(repositories),
  };
}
