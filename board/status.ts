/** `yum-ostree-boot status`: the deployments in the order of the boot menu, in the words of `ostree admin status`. */
import { jsonText, type JsonValue } from '#board/json-text.ts';
import { fallbackFacts, fallbackLines } from '#bootloader/fallback-report.ts';
import { readFallback, type FallbackState } from '#bootloader/fallback-state.ts';
import { rollbackDeployment } from '#bootloader/rollback.ts';
import { commitFacts, placeFacts } from '#ostree/sysroot/deployment-facts.ts';
import { deploymentName, originRefspec, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf } from '#ostree/sysroot/unlock.ts';

/** For people. */
export function statusText(sysroot: Sysroot): string {
  if (sysroot.deployments.length === 0) return 'No deployments.\n';
  const fallback = readFallback(sysroot);
  return sysroot.deployments.map((deployment) => blockOf(sysroot, fallback, deployment)).join('');
}

/** With the keys of `ostree admin status --json`. */
export function statusJson(sysroot: Sysroot): string {
  const fallback = readFallback(sysroot);
  const deployments = sysroot.deployments.map((deployment) => jsonOf(sysroot, fallback, deployment));
  return `${jsonText({ deployments })}\n`;
}

function blockOf(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): string {
  const { stateroot, isBooted, isPinned, tries } = deployment;
  const marks = marksOf(sysroot, fallback, deployment);
  const { version } = commitFacts(sysroot, deployment);
  const refspec = originRefspec(deployment);
  const unlocked = unlockedOf(sysroot, deployment);
  const lines = [
    `${isBooted ? '*' : ' '} ${stateroot} ${deploymentName(deployment)}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`,
    ...(version === null ? [] : [`    Version: ${version}`]),
    ...(unlocked === null ? [] : [`    Unlocked: ${unlocked}`]),
    ...(isPinned ? ['    Pinned: yes'] : []),
    ...(tries === null ? [] : [`    Boot tries left: ${tries.left}`]),
    ...fallbackLines(sysroot, fallback, deployment),
    refspec === null ? '    origin: none' : `    origin refspec: ${refspec}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function marksOf(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): string[] {
  if (deployment.isStaged) return ['staged'];
  const isFirst = deployment.index === 0;
  return [
    ...(isFirst && sysroot.booted !== null && !deployment.isBooted ? ['pending'] : []),
    ...(rollbackDeployment(sysroot, fallback) === deployment ? ['rollback'] : []),
  ];
}

function jsonOf(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): JsonValue {
  const marks = marksOf(sysroot, fallback, deployment);
  const { version } = commitFacts(sysroot, deployment);
  return {
    ...placeFacts(deployment),
    pending: marks.includes('pending'),
    rollback: marks.includes('rollback'),
    staged: deployment.isStaged,
    pinned: deployment.isPinned,
    unlocked: unlockedOf(sysroot, deployment) ?? 'none',
    ...(deployment.tries === null ? {} : { 'tries-left': deployment.tries.left }),
    ...fallbackFacts(sysroot, fallback, deployment),
    ...(version === null ? {} : { version }),
  };
}
