/** What status adds about each deployment: whether its /usr is unlocked and what is masked. */
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf } from '#ostree/sysroot/unlock.ts';
import { maskedUnits } from '#layering/masked-units.ts';

export interface RunningStatus {
  readonly unlocked: string;
  readonly maskedUnits: readonly string[];
  /** Lines for people. */
  readonly remarks: readonly string[];
}

/** By the deployments' names. */
export async function runningStatus(sysroot: Sysroot): Promise<Map<string, RunningStatus>> {
  const found = new Map<string, RunningStatus>();
  for (const deployment of sysroot.deployments) {
    const id = deploymentName(deployment);
    const unlocked = unlockedOf(sysroot, deployment) ?? 'none';
    const masked = maskedUnits(sysroot, deployment);
    const remarks = [
      ...(unlocked === 'none'
        ? []
        : [`its /usr is unlocked (${unlocked}): ${await layerText(sysroot, deployment)}`]),
      ...(masked.length === 0 ? [] : [`masked: ${masked.join(' ')}`]),
    ];
    found.set(id, { unlocked, maskedUnits: masked, remarks });
  }
  return found;
}

async function layerText(sysroot: Sysroot, deployment: Deployment): Promise<string> {
  const { countChanges } = await import('#layering/running-layer.ts');
  try {
    const count = countChanges(sysroot, deployment);
    return `${count === 1 ? '1 file differs' : `${count} files differ`} ('yum-ostree unlocked' lists them)`;
  } catch (error) {
    if (codeOf(error) === 'NOT_READABLE') return messageOf(error);
    throw error;
  }
}
