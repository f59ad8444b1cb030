/** `cleanup`: removes what no deployment needs and what interrupted runs left, and deployments that are named. */
import fs from 'node:fs';
import path from 'node:path';
import { isFailedIn } from '#bootloader/fallback-failed.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import { bootList } from '#bootloader/next-boot.ts';
import { rollbackDeployment } from '#bootloader/rollback.ts';
import { settleBootPartition } from '#bootloader/write-entries.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { grubGeneratorOf } from '#layering/grub-generator.ts';
import { removeUnneeded } from '#layering/deploy-change.ts';
import { withSystem, type SystemChoice } from '#layering/system.ts';

export interface CleanupWish {
  /** The deployments that would boot before the running one; none where nothing of the system runs. */
  readonly pending: boolean;
  /** The one that `rollback` would boot, and those that have failed. */
  readonly rollback: boolean;
  /** The metadata of package repositories. */
  readonly metadata: boolean;
}

/**
 * What runs and what is pinned stays. One rename of the boot entries takes the deployments away; a crash before it leaves
 * them all. @returns a line for each thing that went
 */
export function cleanUp(choice: SystemChoice, wish: CleanupWish): Promise<string[]> {
  return withSystem(choice, ({ sysroot, stateroot, cachePath }) => {
    settleBootPartition(sysroot);
    const going = goingDeployments(sysroot, stateroot, wish);
    const left = going.length === 0 ? null : withoutDeployments(sysroot, going);
    const after = left?.sysroot ?? sysroot;
    const { removed, mayPrune } = cleanUpSysroot(after);
    const gone = [...(left?.removed ?? []), ...removed];
    const refs = removeUnneeded(after, mayPrune || gone.length > 0);
    return Promise.resolve([
      ...gone.map((directory) => `removed deployment ${directory}`),
      ...refs.map((ref) => `removed ref ${ref}`),
      ...(wish.metadata ? removeMetadata(cachePath) : []),
    ]);
  });
}

function withoutDeployments(sysroot: Sysroot, going: readonly Deployment[]) {
  const list = sysroot.deployments.filter((one) => !going.includes(one));
  return bootList(sysroot, list, { noPrune: true, generateGrub: grubGeneratorOf(sysroot) });
}

function goingDeployments(sysroot: Sysroot, stateroot: string, wish: CleanupWish): Deployment[] {
  const own = sysroot.deployments.filter((one) => one.stateroot === stateroot);
  const booted = own.findIndex(({ isBooted }) => isBooted);
  const fallback = readFallback(sysroot);
  const rollback = rollbackDeployment(sysroot, fallback);
  const going = [
    ...(wish.pending && booted > 0 ? own.slice(0, booted) : []),
    ...(wish.rollback ? own.filter((one) => one === rollback || isFailedIn(fallback, one)) : []),
  ];
  return [...new Set(going)].filter(({ isBooted, isPinned }) => !isBooted && !isPinned);
}

/** Everything in the cache but packages: it is fetched again where it is needed. */
function removeMetadata(cachePath: string): string[] {
  const folders = fs.existsSync(cachePath)
    ? fs.readdirSync(cachePath, { withFileTypes: true }).filter((one) => one.isDirectory())
    : [];
  const metadata = folders.map(({ name }) => name).filter((name) => name !== 'packages');
  for (const name of metadata) fs.rmSync(path.join(cachePath, name), { recursive: true, force: true });
  return metadata.map((name) => `removed metadata ${name}`);
}
