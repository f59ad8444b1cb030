/** What `status` says of updates. */
import fs from 'node:fs';
import { mergeDeployment } from '#bootloader/list-policy.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { readLayerOrigin } from '#layering/layer-origin.ts';
import { replacements } from '#layering/replacements.ts';
import { layeredPackages, readDerived } from '#layering/status.ts';
import { stillAvailable, type PresentTree } from '#layering/update-relevant.ts';
import { chooseStateroot, statePath } from '#layering/system.ts';
import { configuredPolicy, type ConfiguredPolicy } from '#layering/update-policy.ts';
import { readUpdateState, type AvailableUpdate, type UpdateState } from '#layering/update-state.ts';

export interface UpdateStatus {
  readonly policy: ConfiguredPolicy;
  /** Why the configuration cannot be followed. */
  readonly fault: string | null;
  readonly state: UpdateState | null;
  /** What was found and is still to be had. */
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
  const present = first === undefined ? null : presentTree(sysroot, first);
  const update = state?.update ?? null;
  return {
    ...policyOrFault(root),
    state,
    update: update === null || present === null ? null : stillAvailable(update, present),
  };
}

/** null where its commit cannot be read, which the list of deployments tells. */
function presentTree({ repo }: Sysroot, { checksum, origin }: Deployment): PresentTree | null {
  try {
    const commit = loadCommit(repo, checksum);
    const replacing = replacements(commit).map(({ to }) => to);
    return {
      checksum,
      baseCommit: readDerived(commit)?.baseCommit ?? checksum,
      origin: readLayerOrigin(origin).base,
      packages: new Set([...layeredPackages(repo, commit), ...replacing]),
    };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
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
