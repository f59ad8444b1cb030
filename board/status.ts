/** `yum-ostree-boot status`: the deployments in the order of the boot menu, in the words of `ostree admin status`. */
import { jsonText } from '#board/json-text.ts';
import { deploymentFacts, deploymentText } from '#bootloader/deployment-status.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** For people. */
export function statusText(sysroot: Sysroot): string {
  if (sysroot.deployments.length === 0) return 'No deployments.\n';
  const fallback = readFallback(sysroot);
  return sysroot.deployments.map((deployment) => deploymentText(sysroot, fallback, deployment)).join('');
}

/** With the keys of `ostree admin status --json`. */
export function statusJson(sysroot: Sysroot): string {
  const fallback = readFallback(sysroot);
  const deployments = sysroot.deployments.map((deployment) => deploymentFacts(sysroot, fallback, deployment));
  return `${jsonText({ deployments })}\n`;
}
