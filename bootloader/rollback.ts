/** Which deployment `rollback` boots: none that has failed is gone back to by itself. */
import { isFailedIn } from '#bootloader/fallback-failed.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import { rollbackOf } from '#bootloader/list-policy.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** null where there is none. */
export function rollbackDeployment(sysroot: Sysroot, fallback = readFallback(sysroot)): Deployment | null {
  return rollbackOf(sysroot, (deployment) => isFailedIn(fallback, deployment));
}

/** @param program whose verbs a hint names. @throws UserError NO_ROLLBACK */
export function requireRollback(sysroot: Sysroot, program: string): Deployment {
  const found = rollbackDeployment(sysroot);
  if (found !== null) return found;
  const failed = rollbackOf(sysroot, () => false);
  if (failed === null)
    throw new UserError('NO_ROLLBACK', 'there is no previous deployment to go back to', {
      hint: `'${program} status' lists the deployments`,
    });
  throw new UserError('NO_ROLLBACK', 'the deployment to go back to has failed to boot', {
    hint: `'yum-ostree-boot set-default ${failed.index}' tries it again all the same`,
  });
}
