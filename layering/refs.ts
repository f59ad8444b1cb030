/** The refs that keep derived trees, their bases and package trees: which of them may go. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { listRefs, refPath } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { BASES } from '#layering/base-ref.ts';
import { readLayerOrigin } from '#layering/layer-origin.ts';
import { liveCommits } from '#layering/live-record.ts';
import { LIVE_REFS } from '#layering/live-refs.ts';
import { parseFileEntry } from '#layering/origin-entries.ts';
import { packageRef } from '#layering/package-tree.ts';
import { metadataList, readDerived } from '#layering/status.ts';

export const PREFIX = 'yum-ostree';

/**
 * Removes the refs of ours that no deployment needs: of trees, of bases, of packages. No sync: a ref that a crash
 * brings back goes with the next cleanup. @returns the refs that went
 */
export function removeUnusedRefs(repo: Repo, deployments: readonly Deployment[]): string[] {
  const needed = neededBy(repo, deployments);
  const applied = liveCommits(repo.sys, deployments);
  const unused = listRefs(repo, PREFIX).filter(({ refspec, checksum }) =>
    refspec.startsWith(`${PREFIX}/pkg/`)
      ? !needed.packageRefs.has(refspec)
      : refspec.startsWith(`${LIVE_REFS}/`)
        ? !applied.includes(checksum)
        : refspec.startsWith(`${BASES}/`)
          ? !needed.bases.has(checksum)
          : !needed.trees.has(checksum),
  );
  for (const { refspec } of unused) removeRef(repo, refspec);
  return unused.map(({ refspec }) => refspec);
}

interface Needed {
  readonly trees: ReadonlySet<Checksum>;
  readonly bases: ReadonlySet<Checksum>;
  readonly packageRefs: ReadonlySet<string>;
}

function neededBy(repo: Repo, deployments: readonly Deployment[]): Needed {
  const trees = new Set(deployments.map(({ checksum }) => checksum));
  const bases = new Set<Checksum>();
  const packageRefs = new Set<string>();
  for (const { origin } of deployments) for (const ref of requestedFiles(origin)) packageRefs.add(ref);
  for (const checksum of trees) {
    const commit = loadCommitIfThere(repo, checksum);
    const derived = commit === null ? null : readDerived(commit);
    if (commit === null || derived === null) continue;
    bases.add(derived.baseCommit);
    for (const ref of metadataList(commit, 'yum-ostree.package-refs')) packageRefs.add(ref);
  }
  return { trees, bases, packageRefs };
}

/** Package files that are asked for stay, whether a tree has them or they wait for another base. */
function requestedFiles(origin: Deployment['origin']): string[] {
  try {
    const { requestedLocal, replaceLocal } = readLayerOrigin(origin);
    return [...requestedLocal, ...replaceLocal].map(fileRef);
  } catch (error) {
    if (codeOf(error) === 'BAD_ORIGIN') return [];
    throw error;
  }
}

function fileRef(entry: string): string {
  const { nevra, sha256 } = parseFileEntry(entry);
  return packageRef(nevra, sha256);
}

/** Removes a ref and the directories that are empty with it. */
function removeRef(repo: Repo, refspec: string): void {
  const path = refPath(parseRefspec(refspec));
  repo.sys.unlink(repo.fd, path);
  const components = path.split('/').slice(0, -1);
  // Not above refs/heads.
  for (; components.length > 2; components.pop()) {
    try {
      repo.sys.rmdir(repo.fd, components.join('/'));
    } catch {
      return;
    }
  }
}
