/** The requests that a tree's name stands for on a base, given what the repositories and the base have. */
import { loadSolver } from '#native/solver.ts';
import type { BaseFacts } from '#layering/change-facts.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';
import { allComps } from '#layering/loaded-repository.ts';
import { parseFileEntry } from '#layering/origin-entries.ts';
import { openRepositories, type RepositoryRequest } from '#layering/open-repositories.ts';
import { fillSack } from '#layering/solve-sack.ts';
import type { System } from '#layering/system.ts';
import { readSuffix } from '#layering/tree-name-reading.ts';
import type { TreeItems } from '#layering/tree-name.ts';

interface NamedSuffix {
  readonly system: System;
  /** Of the base that the name begins with. */
  readonly facts: BaseFacts;
  readonly suffix: string;
}

/** Each reading as requests, and in words. Package files of the present tree are meant where they have the name. */
export async function readingsOf(
  { system, facts, suffix }: NamedSuffix,
  request: RepositoryRequest,
): Promise<{ readonly origin: LayerOrigin; readonly shown: string }[]> {
  const { arch, releasever, installed } = facts;
  const repositories = await openRepositories({ system, arch, releasever }, request);
  const comps = await allComps(repositories);
  const sack = await fillSack(loadSolver(), { arch, installed, repositories, localPackages: [] }, false);
  const files = new Map(
    system.origin.requestedLocal.map((entry) => [parseFileEntry(entry).nevra.name, entry]),
  );
  const readings = readSuffix(suffix, {
    isGroup: (id) => comps.some(({ groups, environments }) => groups.has(id) || environments.has(id)),
    isPackage: (name) =>
      files.has(name) || (isName(name) && sack.query(name, false).some((one) => one.name === name)),
    isBasePackage: (name) => facts.basePackages.has(name),
  });
  return readings.map((items) => ({
    shown: inWords(items),
    origin: {
      ...system.origin,
      requested: items.packages.filter((name) => !files.has(name)),
      requestedLocal: items.packages.flatMap((name) => files.get(name) ?? []),
      groups: items.groups,
      removals: items.removals,
      replaceLocal: [],
      replaceRemote: [],
      overrideCommit: null,
    },
  }));
}

function isName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(text);
}

function inWords({ groups, packages, removals }: TreeItems): string {
  return [
    ...groups.map((id) => `with @${id}`),
    ...packages.map((name) => `with ${name}`),
    ...removals.map((name) => `without ${name}`),
  ].join(', ');
}
