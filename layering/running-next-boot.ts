/** What the deployment that boots next has otherwise than the one that runs. */
import { isSameDeployment, userKernelArgs } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { packageDiff } from '#layering/live-owners.ts';
import type { LiveTree } from '#layering/live-record.ts';
import type { NextBoot } from '#layering/running-audit.ts';
import { currentTree, type RunningTree } from '#layering/running-trees.ts';

/**
 * null where nothing of the system runs.
 * @param applied what `apply-live` made of the tree that was booted
 */
export function nextBootOf(
  sysroot: Sysroot,
  trees: readonly RunningTree[],
  applied: LiveTree | null,
): NextBoot | null {
  const present = currentTree(trees);
  const [next] = trees;
  if (present === null || next === undefined || !present.deployment.isBooted) return null;
  const [before, after] = [present, next].map(({ deployment }) => userKernelArgs(deployment));
  const running = applied ?? { commit: present.checksum, treeName: present.treeName };
  const [from, to] = [running.treeName, next.treeName];
  return {
    from,
    to: from === to && running.commit !== next.checksum ? `${to} (${next.checksum.slice(0, 12)})` : to,
    isSame: applied === null && isSameDeployment(present.deployment, next.deployment),
    packages: packageDiff(sysroot, running.commit, next.checksum),
    isOtherKernel: present.deployment.bootcsum !== next.deployment.bootcsum,
    kernelArguments: {
      added: (after ?? []).filter((word) => before?.includes(word) !== true),
      removed: (before ?? []).filter((word) => after?.includes(word) !== true),
    },
  };
}
