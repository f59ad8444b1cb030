/** `/ostree/boot.B.M/STATEROOT/BOOTCSUM/SERIAL`: the links that `ostree=` names. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { BootVersions } from '#ostree/sysroot/deployment-refs.ts';
import { makeDirectories } from '#ostree/sysroot/write-file.ts';

/** What a boot link says, and where it leads. */
export type LinkedDeployment = Pick<
  Deployment,
  'stateroot' | 'checksum' | 'deployserial' | 'bootcsum' | 'bootserial'
>;

/** Writes a set of links anew; it must not be the set in use. */
export function writeBootLinks(
  { sys, fd }: BootPlace,
  { bootversion, subbootversion }: BootVersions,
  deployments: readonly LinkedDeployment[],
): void {
  const directory = `ostree/boot.${bootversion}.${subbootversion}`;
  sys.removeTree(fd, directory);
  makeDirectories(sys, fd, directory);
  for (const deployment of deployments) {
    const { stateroot, bootcsum, bootserial } = deployment;
    makeDirectories(sys, fd, `${directory}/${stateroot}/${bootcsum}`);
    const target = `../../../deploy/${stateroot}/deploy/${deploymentName(deployment)}`;
    sys.symlink(target, fd, `${directory}/${stateroot}/${bootcsum}/${bootserial}`);
  }
}
