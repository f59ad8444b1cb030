/** A commit of layering becomes the deployment that boots next; then what nobody needs any more goes. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import { bootNext, pruneUnreferenced } from '#bootloader/next-boot.ts';
import { deployTree, type DeployRequest } from '#ostree/sysroot/deploy.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { grubGeneratorOf } from '#layering/grub-generator.ts';
import { writeLayerOrigin, type LayerOrigin } from '#layering/layer-origin.ts';
import type { Progress } from '#layering/progress.ts';
import { removeUnusedRefs } from '#layering/refs.ts';
import { withEtcInitrd } from '#layering/initramfs-etc.ts';
import { readInitramfsRequest } from '#layering/initramfs-request.ts';
import type { System } from '#layering/system.ts';

export interface NewTree {
  readonly checksum: Checksum;
  readonly origin: LayerOrigin;
  readonly treeName: string;
  /** Name of a farm of the commit, where there is one. */
  readonly preparedFarm: string | null;
}

/**
 * The old list of deployments stays until one rename of boot entries; an error or a crash before it leaves the system
 * as it was. What is removed after it is only what the new list does not name.
 */
export function deployChange(system: System, tree: NewTree, progress: Progress): Deployment {
  progress({ kind: 'stage', stage: 'deploy', text: 'Deploying' });
  return deployNext(system, {
    checksum: tree.checksum,
    origin: writeLayerOrigin(system.from.origin, tree.origin, tree.treeName),
    ...(tree.preparedFarm === null ? {} : { preparedFarm: tree.preparedFarm }),
  });
}

/** The same of any commit, with the origin and kernel arguments (by default those of the merge deployment) that it shall have. */
export function deployNext(
  system: System,
  next: Pick<DeployRequest, 'checksum' | 'origin'> & Partial<Pick<DeployRequest, 'preparedFarm' | 'kargs'>>,
): Deployment {
  const { etc } = readInitramfsRequest(next.origin);
  return withEtcInitrd(system, etc, (initrds) => deployWith(system, next, initrds));
}

function deployWith(
  { sysroot, merge, stateroot }: System,
  next: Parameters<typeof deployNext>[1],
  addedInitrds: readonly Checksum[],
): Deployment {
  mountedPartitionOf(sysroot);
  const deployment = deployTree(sysroot, { ...next, stateroot, merge, addedInitrds });
  const generateGrub = grubGeneratorOf(sysroot);
  const result = bootNext(sysroot, { new: deployment, merge, noPrune: true, generateGrub });
  removeUnneeded(result.sysroot, result.removed.length > 0);
  return deployment;
}

/** Removes unused refs; where anything went, also the objects that only it needed. @returns the refs that went */
export function removeUnneeded(sysroot: Sysroot, deploymentsWent: boolean): string[] {
  const refs = removeUnusedRefs(sysroot.repo, sysroot.deployments);
  // A prune reads every tree: it is left out where it could find nothing.
  if (deploymentsWent || refs.length > 0) pruneUnreferenced(sysroot);
  return refs;
}
