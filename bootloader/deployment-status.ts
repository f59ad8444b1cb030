/** What every `status` in ostree's words tells of a deployment: `ostree admin status` and `yum-ostree-boot status`. */
import { isFailedIn } from '#bootloader/fallback-failed.ts';
import { fallbackFacts, fallbackLines, type FallbackFacts } from '#bootloader/fallback-report.ts';
import type { FallbackState } from '#bootloader/fallback-state.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import { findSoftRebootTarget } from '#ostree/sysroot/booted.ts';
import { commitFacts, placeFacts } from '#ostree/sysroot/deployment-facts.ts';
import { deploymentName, isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf } from '#ostree/sysroot/unlock.ts';

export type DeploymentRole = 'finalization locked' | 'staged' | 'pending' | 'rollback' | null;

export type StatusFacts = Readonly<Record<string, string | number | boolean | FallbackFacts>>;

/**
 * Only a booted system has a next and a previous deployment: the ones of its stateroot around the booted one. None that has
 * failed is previous, as `rollback` passes over it.
 */
export function roleOf(
  { booted, deployments }: Pick<Sysroot, 'booted' | 'deployments'>,
  fallback: FallbackState,
  deployment: Deployment,
): DeploymentRole {
  if (deployment.isStaged) return deployment.isLocked === true ? 'finalization locked' : 'staged';
  if (booted === null || deployment.stateroot !== booted.stateroot) return null;
  const same = deployments.filter(({ stateroot }) => stateroot === booted.stateroot);
  const at = same.findIndex((one) => isSameDeployment(one, booted));
  if (at > 0 && same[0] === deployment) return 'pending';
  const previous = same.slice(at + 1).find((one) => !isFailedIn(fallback, one));
  return previous === deployment ? 'rollback' : null;
}

/** For people. */
export function deploymentText(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): string {
  const { version, sourceTitle } = commitFacts(sysroot, deployment);
  const role = roleOf(sysroot, fallback, deployment);
  const unlocked = unlockedOf(sysroot, deployment);
  const lines = [
    `${deployment.isBooted ? '*' : ' '} ${deployment.stateroot} ${deploymentName(deployment)}${role === null ? '' : ` (${role})`}${isSoftRebootTarget(sysroot, deployment) ? ' (soft-reboot)' : ''}`,
    version === null ? null : `    Version: ${version}`,
    unlocked === null ? null : `    Unlocked: ${unlocked}`,
    deployment.isPinned ? '    Pinned: yes' : null,
    ...fallbackLines(sysroot, fallback, deployment),
    originLine(deployment),
    sourceTitle === null ? null : `    \`- ${sourceTitle}`,
  ];
  return lines
    .filter((line) => line !== null)
    .map((line) => `${line}\n`)
    .join('');
}

/** With the keys of `ostree admin status --json`. */
export function deploymentFacts(
  sysroot: Sysroot,
  fallback: FallbackState,
  deployment: Deployment,
): StatusFacts {
  const { version, sourceTitle } = commitFacts(sysroot, deployment);
  const role = roleOf(sysroot, fallback, deployment);
  return {
    ...placeFacts(deployment),
    pending: role === 'pending',
    rollback: role === 'rollback',
    'finalization-locked': deployment.isLocked === true,
    'soft-reboot-target': isSoftRebootTarget(sysroot, deployment),
    staged: deployment.isStaged,
    pinned: deployment.isPinned,
    unlocked: unlockedOf(sysroot, deployment) ?? 'none',
    ...fallbackFacts(sysroot, fallback, deployment),
    ...(version === null ? {} : { version }),
    ...(sourceTitle === null ? {} : { 'source-title': sourceTitle }),
  };
}

function originLine({ origin }: Deployment): string {
  if (origin === null) return '    origin: none';
  const refspec = keyFileString(origin, 'origin', 'refspec');
  return refspec === null ? '    origin: <unknown origin type>' : `    origin refspec: ${refspec}`;
}

function isSoftRebootTarget({ sys, fd, booted, deployments }: Sysroot, deployment: Deployment): boolean {
  return booted !== null && findSoftRebootTarget(sys, fd, deployments) === deployment;
}
