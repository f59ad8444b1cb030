/** What status adds about each deployment: whether its /usr is unlocked and what is masked. */
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf } from '#ostree/sysroot/unlock.ts';
import { readLiveRecord, readRestarts, type LiveRecord, type RestartResult } from '#layering/live-record.ts';
import { maskedUnits } from '#layering/masked-units.ts';

export interface RunningStatus {
  readonly unlocked: string;
  readonly maskedUnits: readonly string[];
  /** Of the deployment that runs. */
  readonly applied: LiveRecord | null;
  readonly restarted: readonly RestartResult[];
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
    const applied = deployment.isBooted ? readLiveRecord(sysroot.sys, deployment) : null;
    const restarted = deployment.isBooted ? readRestarts(sysroot.sys, deployment) : [];
    const remarks = [
      ...(unlocked === 'none'
        ? []
        : [`its /usr is unlocked (${unlocked}): ${await layerText(sysroot, deployment)}`]),
      ...(applied === null ? [] : liveRemarks(applied)),
      ...restarted.filter(({ failure }) => failure !== null).map(restartRemark),
      ...(masked.length === 0 ? [] : [`masked: ${masked.join(' ')}`]),
    ];
    found.set(id, { unlocked, maskedUnits: masked, applied, restarted, remarks });
  }
  return found;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Pure. */
function liveRemarks({ live, inProgress, packages, kept, failures }: LiveRecord): string[] {
  const { added, removed, replaced } = packages;
  const counts = `${countOf(added.length, 'package')} added, ${replaced.length} replaced, ${removed.length} removed`;
  return [
    ...(live === null ? [] : [`apply-live brought ${live.treeName} into what runs: ${counts}`]),
    ...(inProgress === null
      ? []
      : [`apply-live of ${inProgress.treeName} was interrupted: run it again, or with --reset`]),
    ...(kept.length === 0 ? [] : [`apply-live kept files of /etc as they are: ${kept.join(' ')}`]),
    ...failures.map((failure) => `after apply-live ${failure}`),
  ];
}

function restartRemark({ unit, userUnit, failure }: RestartResult): string {
  return `${userUnit ?? unit} did not restart: ${failure ?? ''}`;
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
