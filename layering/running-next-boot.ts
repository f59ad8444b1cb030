/** What the deployment that boots next has otherwise than the one that runs. */
import { codeOf } from '#ostree/format/errors.ts';
import { isSameDeployment, userKernelArgs } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { diffPackages, type PackageDiff } from '#layering/package-diff.ts';
import type { NextBoot } from '#layering/running-audit.ts';
import { currentTree, type RunningTree } from '#layering/running-trees.ts';
import { treePackages } from '#layering/tree-packages.ts';

/** null where nothing of the system runs. */
export function nextBootOf(sysroot: Sysroot, trees: readonly RunningTree[]): NextBoot | null {
  const present = currentTree(trees);
  const [next] = trees;
  if (present === null || next === undefined || !present.deployment.isBooted) return null;
  const [before, after] = [present, next].map(({ deployment }) => userKernelArgs(deployment));
  const [from, to] = [present.treeName, next.treeName];
  return {
    from,
    to: from === to && present.checksum !== next.checksum ? `${to} (${next.checksum.slice(0, 12)})` : to,
    isSame: isSameDeployment(present.deployment, next.deployment),
    packages: packageDiff(sysroot, present, next),
    isOtherKernel: present.deployment.bootcsum !== next.deployment.bootcsum,
    kernelArguments: {
      added: (after ?? []).filter((word) => before?.includes(word) !== true),
      removed: (before ?? []).filter((word) => after?.includes(word) !== true),
    },
  };
}

function packageDiff(sysroot: Sysroot, from: RunningTree, to: RunningTree): PackageDiff | null {
  try {
    const [before, after] = [from, to].map(({ checksum }) => treePackages(sysroot, checksum));
    return diffPackages(before ?? [], after ?? []);
  } catch (error) {
    if (['NO_RPMDB', 'BAD_RPMDB', 'NO_OBJECT'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}
