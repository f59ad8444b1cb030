/** Prepares a soft reboot (systemd-soft-reboot.service(8)), in the mount namespace of process 1. */
import { isBootOnRoot } from '#prepare-root/boot-on-root.ts';
import { BOOTED_PATH } from '#prepare-root/booted.ts';
import { IMAGE, parentOf, readBootConfig } from '#prepare-root/facts.ts';
import { refuseBroken } from '#prepare-root/find-deployment.ts';
import { parseMountTable } from '#ostree/format/mount-table.ts';
import { run } from '#prepare-root/run.ts';
import { readPublicKeys, readTrustedDigest } from '#prepare-root/signed-image.ts';
import {
  NEXT_BOOTED_PATH,
  NEXT_ROOT,
  PHYSICAL,
  planSoftReboot,
  planSoftRebootReset,
  type PreparedSoftReboot,
  type SoftRebootFacts,
} from '#prepare-root/soft-reboot-plan.ts';
import { UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';

/**
 * Mounts the deployment at `/run/nextroot`, in place of what may be there. A failure leaves nothing prepared.
 * Whether it has the kernel that runs is for the caller to know.
 * @param deployment its full path below `/sysroot`
 * @throws UserError
 */
export function prepareSoftReboot(sys: Syscalls, deployment: string): void {
  run(sys, planSoftReboot(readSoftRebootFacts(sys, deployment)));
}

/** Takes back what was prepared; there may be nothing. */
export function resetSoftReboot(sys: Syscalls): void {
  run(sys, planSoftRebootReset(readPrepared(sys)));
}

function readSoftRebootFacts(sys: Syscalls, deployment: string): SoftRebootFacts {
  if (sys.lstat(AT_FDCWD, BOOTED_PATH) === null)
    throw new UserError('WRONG_PLACE', 'Not currently booted into an OSTree system', {
      hint: 'a soft reboot goes from one deployment to another with the same kernel',
    });
  const stat = sys.lstat(AT_FDCWD, deployment);
  if (stat === null)
    throw new UserError('TARGET_MISSING', `the deployment ${deployment}: No such file or directory`);
  // The files of the deployment, as its initramfs has them.
  const target = deployment.slice(1);
  const { config } = readBootConfig(sys, { sysroot: '/', target, cmdline: null, configFiles: null });
  const keys = config.keyFile === null ? [] : readPublicKeys(sys, config.keyFile);
  refuseBroken(sys, deployment, {
    image: IMAGE,
    transientEtc: config.etcTransient,
    ...{ hotfix: false, mountsVar: false, mountsRun: false },
    variable: `${parentOf(parentOf(deployment))}/var`,
    bindsVariable: false,
  });
  return {
    deployment,
    device: stat.dev,
    inode: stat.ino,
    config,
    imageDigest: config.signed ? readTrustedDigest(sys, { sysroot: PHYSICAL, path: deployment, keys }) : null,
    bootOnRoot: isBootOnRoot(sys, `${PHYSICAL}/boot`, `${deployment}/boot`),
    prepared: readPrepared(sys),
    uniqueSuffix: sys.randomHex(3),
  };
}

function readPrepared(sys: Syscalls): PreparedSoftReboot {
  const mounts = parseMountTable(sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? '');
  return {
    isMounted: mounts.some(({ point }) => point === NEXT_ROOT),
    isRecorded: sys.lstat(AT_FDCWD, NEXT_BOOTED_PATH) !== null,
  };
}
