/** What `status` says of updates. */
import fs from 'node:fs';
import { mergeDeployment } from '#bootloader/list-policy.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { deploymentPath } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { chooseStateroot, statePath } from '#layering/system.ts';
import { configuredPolicy, type ConfiguredPolicy } from '#layering/update-policy.ts';
import { readUpdateState, type AvailableUpdate, type UpdateState } from '#layering/update-state.ts';

export interface UpdateStatus {
  readonly policy: ConfiguredPolicy;
  /** Why the configuration cannot be followed. */
  readonly fault: string | null;
  readonly state: UpdateState | null;
  /** What was found, as long as the deployment is the one that it was found for. */
  readonly update: AvailableUpdate | null;
}

/** null where nothing is deployed, or it is not clear which system is meant. */
export function systemForUpdates(sysroot: Sysroot, wanted: string | null): UpdateStatus | null {
  const stateroot = oneStateroot(sysroot, wanted);
  const merge = stateroot === null ? null : mergeDeployment(sysroot.deployments, sysroot.booted, stateroot);
  if (stateroot === null || merge === null) return null;
  const root = joined(sysroot.path, deploymentPath(merge));
  const state = readUpdateState(statePath(sysroot, stateroot));
  const first = sysroot.deployments.find((one) => one.stateroot === stateroot);
  return {
    ...policyOrFault(root),
    state,
    update: state?.update?.from === first?.checksum ? (state?.update ?? null) : null,
  };
}

/** A look at the deployments is no place to fail for a wrong setting. */
function policyOrFault(root: string): Pick<UpdateStatus, 'policy' | 'fault'> {
  try {
    return { policy: readPolicy(root), fault: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { policy: { policy: 'none', file: null }, fault: error.message };
  }
}

/** Of the tree under `root`. @throws UserError BAD_CONFIG, BAD_KEYFILE */
export function readPolicy(root: string): ConfiguredPolicy {
  return configuredPolicy((name) => {
    const file = `${root}/${name}`;
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
  });
}

function oneStateroot(sysroot: Sysroot, wanted: string | null): string | null {
  try {
    return chooseStateroot(sysroot, wanted);
  } catch (error) {
    if (['NO_STATEROOT', 'NO_DEPLOYMENT'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}
