/** After a boot, in three steps: what a fallback leaves to be done, the health checks, and the mark. */
import { repairCounter, writeGood } from '#bootloader/fallback-counter.ts';
import {
  isHealthy,
  readHealthSettings,
  runHealthChecks,
  type CheckResult,
  type HealthSettings,
} from '#bootloader/fallback-health.ts';
import { forgetFailedTree, noteFailedTree } from '#bootloader/fallback-failed.ts';
import { dropHealthFailure, noteHealthFailure } from '#bootloader/fallback-note.ts';
import type { MarkGoodReport } from '#bootloader/fallback-report.ts';
import { markOf } from '#bootloader/fallback-marks.ts';
import { bootedPlace, readFallback, type FallbackState } from '#bootloader/fallback-state.ts';
import { fallbackOf, settledOrder, type Trial } from '#bootloader/fallback.ts';
import { bootList } from '#bootloader/next-boot.ts';
import { syncBoot } from '#bootloader/sync-boot.ts';
import type { WriteOptions } from '#bootloader/write-entries.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { environmentWords } from '#ostree/format/environment-words.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface Settled {
  /** What was mended, a line each. */
  readonly repaired: readonly string[];
  /** The deployment that was the default and has failed; null where the machine did not fall back. */
  readonly fellBackFrom: Deployment | null;
  /** Why the list could not be written after a fallback; null where it was. */
  readonly unsettled: string | null;
}

/**
 * First, under the sysroot's lock: mends what counts boots; after a fallback the running deployment becomes the default,
 * by one swap. A crash before it, or a root that is read-only, leaves the boot loader falling back as it did.
 * @throws UserError NOT_BOOTED, GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT
 */
export function settleBoot(sysroot: Sysroot, options: WriteOptions): Settled {
  requireBooted(sysroot);
  const found = readFallback(sysroot);
  if (found.tries === null) return { repaired: [], fellBackFrom: null, unsettled: null };
  const repaired = repairCounter(sysroot, found.counter, trialOfDefault(found));
  if (repaired.length > 0) syncOpenedBoot(sysroot);
  const state = repaired.length > 0 ? readFallback(sysroot) : found;
  const order = settledOrder(state.list, bootedPlace(state));
  if (order === null) return { repaired, fellBackFrom: null, unsettled: null };
  const staged = sysroot.deployments.filter(({ isStaged }) => isStaged);
  const list = order.flatMap((place) => state.list[place]?.deployment ?? []);
  const fellBackFrom = state.list[0]?.deployment ?? null;
  try {
    if (fellBackFrom !== null) noteFailedTree(sysroot, state, fellBackFrom);
    const written = bootList(sysroot, [...staged, ...list], { ...options, noPrune: true });
    repairCounter(written.sysroot, found.counter, null);
    return { repaired, fellBackFrom, unsettled: null };
  } catch (error) {
    // A full /boot or a read-only root must not keep the checks from running; a fault of the program must be seen.
    if (codeOf(error) === undefined || codeOf(error) === 'INTERNAL') throw error;
    return { repaired, fellBackFrom: null, unsettled: messageOf(error) };
  }
}

export interface Health {
  readonly settings: HealthSettings;
  readonly checks: readonly CheckResult[];
}

/** Second, without the lock: it may take minutes. `env`: of the process. @throws UserError BAD_KEYFILE */
export function checkHealth(sys: Syscalls, env: Readonly<Record<string, string | undefined>>): Health {
  const settings = readHealthSettings(sys);
  return { settings, checks: runHealthChecks(sys, settings, environmentWords(env)) };
}

/**
 * Third, under the lock again: marks the running deployment good where it is on trial and healthy, by one write; a crash
 * leaves it on trial, with the tries that it has left. @throws UserError GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT
 */
export function concludeBoot(
  sysroot: Sysroot,
  settled: Settled,
  { settings, checks }: Health,
): MarkGoodReport {
  const deployment = requireBooted(sysroot);
  const state = readFallback(sysroot);
  const place = bootedPlace(state) ?? 0;
  const standing = state.tries === null ? null : (state.list[place]?.standing ?? null);
  const healthy = isHealthy(checks);
  const isOnTrial = standing?.kind === 'trial';
  if (isOnTrial && healthy) {
    writeGood(sysroot, state.counter, standing.trial);
    dropHealthFailure(sysroot);
    forgetFailedTree(sysroot, deployment);
    syncOpenedBoot(sysroot);
  }
  if (isOnTrial && !healthy) {
    noteHealthFailure(sysroot, deployment, checks);
    syncOpenedBoot(sysroot);
  }
  const reboots = isOnTrial && !healthy && settings.reboots && fallbackOf(state.list, place) !== null;
  return {
    deployment,
    standing,
    ...settled,
    checks,
    warnings: settings.warnings ?? [],
    isHealthy: healthy,
    marked: isOnTrial && healthy,
    reboots,
  };
}

/** The error of a `mark-good` whose report says that the deployment is not good. */
export function notGoodError({ deployment, checks }: MarkGoodReport): UserError {
  const names = checks
    .filter(({ isRequired, result }) => isRequired && result === 'failed')
    .map(({ name }) => name);
  return new UserError(
    'NOT_GOOD',
    `${deploymentName(deployment)} is not marked good: ${names.join(', ')} failed`,
    { hint: 'the output of each check is in /run/yum-ostree/health' },
  );
}

/**
 * Boots the machine again: each time one try less, so that it comes to an end. @throws UserError REBOOT
 */
export function rebootMachine(sys: Syscalls, env: Readonly<Record<string, string | undefined>>): void {
  const isSystemd = sys.lstat(AT_FDCWD, '/run/systemd/system') !== null;
  const argv = isSystemd ? ['systemctl', '--no-block', 'reboot'] : ['reboot'];
  const code = sys.spawn(argv[0] ?? '', argv, environmentWords(env));
  if (code !== 0) throw new UserError('REBOOT', `'${argv.join(' ')}' failed (${code ?? 'not found'})`);
}

/** Whether the lock could not be taken because nothing can be written on the root: then nobody else changes it either. */
export function isReadOnlyRoot(error: unknown): boolean {
  return codeOf(error) === 'NOT_WRITABLE' && error instanceof Error && codeOf(error.cause) === 'EROFS';
}

/** Also where it has failed: what counted it makes the other one boot until that is the default. */
function trialOfDefault({ list }: FallbackState): Trial | null {
  const first = list[0]?.deployment;
  const mark = first === undefined ? null : markOf(first.bls, deploymentName(first));
  return mark?.kind === 'trial' ? mark.trial : null;
}

function syncOpenedBoot(sysroot: Sysroot): void {
  const { sys, fd } = sysroot;
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    syncBoot(sysroot, boot);
  } finally {
    sys.close(boot);
  }
}
