/** Staging: a deployment is made now, and finished at shutdown, with the /etc that the machine has then. */
import { AT_FDCWD, type Fd } from '#native/syscalls.ts';
import { parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { during, messageOf, UserError } from '#ostree/format/errors.ts';
import type { StagedName, StagedState } from '#ostree/format/staged-state.ts';
import { installKernels } from '#bootloader/install-kernel.ts';
import { noteFinalizeFailure, takeFinalizeFailure } from '#bootloader/finalize-failure.ts';
import { withFallback } from '#bootloader/fallback-list.ts';
import { listWithNew } from '#bootloader/list-policy.ts';
import {
  hasRoomNow,
  readBootFacts,
  requireRoomForList,
  settleBootPartition,
  writeDeployments,
  type WriteOptions,
  type WriteResult,
} from '#bootloader/write-entries.ts';
import { completeSoftReboot } from '#ostree/sysroot/booted.ts';
import { BOOT_PARTITION_STAMP, cleanUpSysroot, orCleanUp } from '#ostree/sysroot/cleanup.ts';
import {
  INITRD_OVERLAYS,
  deploymentName,
  STAGED_INITRDS,
  type Deployment,
} from '#ostree/sysroot/deployment.ts';
import { finishStaged } from '#ostree/sysroot/finish-staged.ts';
import { touchDeploy } from '#ostree/sysroot/init-sysroot.ts';
import type { EtcDiff } from '#ostree/sysroot/merge-etc.ts';
import { clearSoftReboot } from '#ostree/sysroot/soft-reboot.ts';
import { readStagedState, removeStagedState, writeStagedState } from '#ostree/sysroot/staged.ts';
import { reloadSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';

const UNIT = 'ostree-finalize-staged.service';

export interface StageRequest {
  /** As `deployTree` made it with `isStaged`. */
  readonly deployment: Deployment;
  readonly merge: Deployment | null;
  readonly isLocked?: boolean;
  /** Of the process, for systemctl: `NAME=VALUE`. */
  readonly environment: readonly string[];
}

/**
 * Stages a deployment on the booted system; one staged before is given up. Its kernel files are put into /boot now, so
 * that a full /boot is an error of today's. A crash leaves an unused directory and kernel, which cleanup removes.
 * @throws UserError NOT_BOOTED, NO_BOOT_SPACE, SOFT_REBOOT, STAGED_SERVICE (nothing is staged then)
 */
export function stageDeployment(sysroot: Sysroot, request: StageRequest): Sysroot {
  refuseUnbooted(sysroot);
  return orCleanUp(sysroot, () => stageOnBooted(sysroot, request));
}

function stageOnBooted(sysroot: Sysroot, request: StageRequest): Sysroot {
  const { sys, fd } = sysroot;
  const { deployment, merge } = request;
  // Only a whole reboot finishes it.
  clearSoftReboot(sys);
  const list = listOnceFinished(sysroot, deployment, merge);
  withBoot(sysroot, (boot) => {
    // What goes then makes room for them at shutdown.
    if (hasRoomNow(sysroot, list, boot)) installKernels(sysroot, [readBootFacts(sysroot, deployment)], boot);
  });
  requireRoomForList(sysroot, list);
  // At shutdown only little is left to be written.
  sys.syncfs(sysroot.repo.fd);
  writeStagedState(sys, {
    target: nameOf(deployment),
    merge: merge === null ? null : nameOf(merge),
    kargs: deployment.kargs,
    overlayInitrds: deployment.addedInitrds ?? [],
    isLocked: request.isLocked === true,
    others: [],
  });
  try {
    startUnit(sysroot, request.environment);
  } catch (error) {
    removeStagedState(sys);
    throw error;
  }
  touchDeploy(sys, fd);
  const staged = reloadSysroot(sysroot);
  cleanUpSysroot(staged);
  return staged;
}

/** @throws UserError NOT_BOOTED */
export function refuseUnbooted({ booted }: Sysroot): void {
  if (booted === null)
    throw new UserError('NOT_BOOTED', 'Cannot stage deployment: Not currently booted into an OSTree system', {
      hint: 'without --stage the deployment is written at once',
    });
}

export type FinalizeResult =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'locked' }
  | { readonly kind: 'done'; readonly written: WriteResult };

export interface FinalizeOptions extends WriteOptions {
  onEtcMerge?(diff: EtcDiff): void;
}

/**
 * Finishes the staged deployment and makes it boot next. It is no longer staged from the first step on, so a crash or
 * an error leaves the old list; an error is noted for the next boot, too.
 * @throws UserError BAD_STAGED, ETC_CONFLICT, and those of `writeDeployments`
 */
export function finalizeStaged(sysroot: Sysroot, options: FinalizeOptions = {}): FinalizeResult {
  const [staged] = sysroot.deployments;
  const state = readStagedState(sysroot.sys);
  if (state === null || staged?.isStaged !== true) return { kind: 'nothing' };
  if (state.isLocked) return { kind: 'locked' };
  removeStagedState(sysroot.sys);
  try {
    const written = during('finalizing the staged deployment', () =>
      finish(reloadSysroot(sysroot), { staged, state }, options),
    );
    return { kind: 'done', written };
  } catch (error) {
    noteFinalizeFailure(sysroot, messageOf(error));
    throw error;
  }
}

/** Keeps the staged deployment from being finished at shutdown, or lets it. @throws UserError NO_DEPLOYMENT */
export function lockFinalization({ sys }: Sysroot, isLocked: boolean): void {
  const state = readStagedState(sys);
  if (state === null) throw new UserError('NO_DEPLOYMENT', 'No staged deployment');
  writeStagedState(sys, { ...state, isLocked });
}

/**
 * After a boot: reports what failed at the last shutdown, once; else a soft reboot, if it was one, is complete. Boot
 * entries that were not all written before the power went are written first.
 * @throws UserError FINALIZE_FAILED with what was noted then
 */
export function completeBoot(sysroot: Sysroot): void {
  const { sys, fd } = sysroot;
  if (sys.lstat(fd, BOOT_PARTITION_STAMP) !== null) settleBootPartition(sysroot);
  const noted = takeFinalizeFailure(sysroot);
  if (noted === null) return completeSoftReboot(sys);
  throw new UserError('FINALIZE_FAILED', `${UNIT} failed on previous boot: ${noted}`, {
    hint: 'the machine runs what it ran before; stage or deploy the update again',
  });
}

function finish(
  sysroot: Sysroot,
  { staged, state }: { readonly staged: Deployment; readonly state: StagedState },
  options: FinalizeOptions,
): WriteResult {
  const merge = mergeOf(sysroot, state.merge);
  finishStaged(sysroot, staged, { ...options, merge });
  const addedInitrds = state.overlayInitrds.map((checksum) => requireInitrd(sysroot, checksum));
  const fresh = { ...staged, isStaged: false, kargs: state.kargs ?? merge?.kargs ?? [], addedInitrds };
  const list = listOnceFinished(sysroot, fresh, merge);
  const written = writeDeployments(sysroot, list, options);
  // Objects are left for the next change: at shutdown every second counts.
  cleanUpSysroot(written.sysroot);
  return written;
}

function listOnceFinished(sysroot: Sysroot, fresh: Deployment, merge: Deployment | null): Deployment[] {
  const { deployments, booted } = sysroot;
  const list = listWithNew({ ...fresh, isStaged: false }, { deployments, booted, merge }, {});
  return withFallback(sysroot, list, fresh);
}

/** @throws UserError BAD_STAGED for one that is not in memory, nor in /boot since an earlier deployment */
function requireInitrd({ sys, fd }: Sysroot, text: string): Checksum {
  const checksum = parseChecksum(text);
  const places = [`${STAGED_INITRDS}/${checksum}`, `boot/${INITRD_OVERLAYS}/${checksum}.img`];
  if (places.some((place) => sys.stat(fd, place) !== null)) return checksum;
  throw new UserError('BAD_STAGED', `the overlay initrd ${places[0] ?? ''} is gone`, {
    hint: 'stage the deployment anew',
  });
}

function mergeOf({ deployments }: Sysroot, named: StagedName | null): Deployment | null {
  if (named === null) return null;
  const found = deployments.find(
    (one) => one.stateroot === named.stateroot && deploymentName(one) === named.name,
  );
  if (found === undefined)
    throw new UserError('BAD_STAGED', `Failed to find merge deployment ${named.name} for staged`);
  return found;
}

function nameOf(deployment: Deployment): StagedName {
  const { stateroot, bootcsum } = deployment;
  return { name: deploymentName(deployment), stateroot, bootcsum };
}

/** What finishes it is the unit's stop. Without systemd somebody else calls `finalize-staged`. */
function startUnit({ sys }: Sysroot, environment: readonly string[]): void {
  if (sys.lstat(AT_FDCWD, '/run/systemd/system') === null) return;
  const code = sys.spawn('systemctl', ['systemctl', 'start', '--quiet', UNIT], environment);
  if (code === 0) return;
  throw new UserError('STAGED_SERVICE', `${UNIT}, which finishes it at shutdown, does not start`, {
    hint: `'systemctl status ${UNIT}' says why; without --stage the deployment is written at once`,
  });
}

function withBoot({ sys, fd }: Sysroot, action: (boot: Fd) => void): void {
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    action(boot);
  } finally {
    sys.close(boot);
  }
}
