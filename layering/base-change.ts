/** What another base brings, for the plan that people are shown. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { metadataString } from '#ostree/format/commit.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Nevra } from '#layering/nevra.ts';
import { diffPackages, type PackageDiff } from '#layering/package-diff.ts';
import type { System } from '#layering/system.ts';
import { treePackages } from '#layering/tree-packages.ts';

export interface BaseChange {
  readonly from: BaseState;
  readonly to: BaseState;
  readonly packages: PackageDiff;
}

export interface BaseState {
  readonly checksum: Checksum;
  readonly version: string | null;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** @param installed the packages of the base `to`. @returns null where the base stays */
export function baseChange(
  { sysroot, baseCommit }: System,
  to: Checksum,
  installed: readonly Nevra[],
): BaseChange | null {
  if (to === baseCommit) return null;
  const { repo } = sysroot;
  return {
    from: stateOf(repo, baseCommit),
    to: stateOf(repo, to),
    packages: diffPackages(treePackages(sysroot, baseCommit), installed),
  };
}

function stateOf(repo: Repo, checksum: Checksum): BaseState {
  const commit = loadCommit(repo, checksum);
  return { checksum, version: metadataString(commit, 'version') ?? null, timestamp: commit.timestamp };
}
