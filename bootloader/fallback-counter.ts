/** Where each boot loader keeps how often the deployment on trial may still boot. */
import { chooseBootloader, type BootloaderFacts } from '#bootloader/detect.ts';
import {
  armedVariables,
  goodVariables,
  IDLE_VARIABLES,
  isCounting,
  ubootCounts,
  UBOOT_TRIAL,
} from '#bootloader/fallback-uboot.ts';
import { readUbootVariables, setUbootVariables } from '#bootloader/uboot-environment-file.ts';
import { entryCounts, markEntryGood } from '#bootloader/fallback-entries.ts';
import { grubCounts, GRUB_LEFT, GRUB_TRIAL } from '#bootloader/fallback-grub.ts';
import type { Counts, Trial } from '#bootloader/fallback.ts';
import {
  repairGrubEnvironment,
  requireGrubEnvironment,
  writeGrubEnvironment,
} from '#bootloader/grub-environment-file.ts';
import { emptyEnvironment, environmentValue, withEnvironment } from '#bootloader/grub-environment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** 'entries': in the names of the entry files, as systemd-boot does; null: nowhere. */
export type Counter = 'grub2' | 'uboot' | 'entries' | null;

/**
 * @param isBooted the sysroot is that of the running machine, whose devices are known
 * @throws UserError BAD_REPO, BOOTLOADER
 */
export function counterOf(facts: BootloaderFacts, isBooted: boolean): Counter {
  const bootloader = chooseBootloader(facts);
  switch (bootloader) {
    case 'grub2':
      return 'grub2';
    case 'uboot':
      return isBooted ? 'uboot' : null;
    case 'none':
      // U-Boot reads no entries.
      if (facts.hasBootScript) return isBooted ? 'uboot' : null;
      return 'entries';
    case 'syslinux':
      return null;
    default:
      return bootloader satisfies never;
  }
}

/** @throws UserError GRUB_ENVIRONMENT */
export function readCounts(sysroot: Sysroot, counter: Counter): Counts {
  switch (counter) {
    case 'grub2': {
      const block = requireGrubEnvironment(sysroot);
      if (block === null) return new Map();
      return grubCounts(environmentValue(block, GRUB_TRIAL), environmentValue(block, GRUB_LEFT));
    }
    case 'uboot':
      return ubootCounts(readUbootVariables(sysroot.sys));
    case 'entries':
      return entryCounts(sysroot);
    case null:
      return new Map();
    default:
      return counter satisfies never;
  }
}

/**
 * Before a list whose first deployment is on trial is made current. U-Boot counts from now on: where the list is then not
 * made current, it finds no other entry to boot, and the next mark-good ends the counting.
 * @throws UserError GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT where nothing could be counted
 */
export function prepareTrial(sysroot: Sysroot, counter: Counter, trial: Trial): void {
  if (counter === 'grub2' && requireGrubEnvironment(sysroot) === null) repairGrubEnvironment(sysroot);
  if (counter !== 'uboot') return;
  const variables = readUbootVariables(sysroot.sys);
  if (variables.get(UBOOT_TRIAL) !== trial.id)
    setUbootVariables(sysroot.sys, armedVariables(trial, variables));
}

/**
 * Mends what counts, where that is clear. `trial`: of the default, null for none.
 * @returns a line for each thing that was mended
 */
export function repairCounter(sysroot: Sysroot, counter: Counter, trial: Trial | null): string[] {
  const said =
    counter === 'grub2'
      ? repairGrubEnvironment(sysroot)
      : counter === 'uboot'
        ? repairUboot(sysroot, trial)
        : null;
  return said === null ? [] : [said];
}

/** Without a trial it counts for nothing: after a fallback, or where another deployment was made the default. */
function repairUboot({ sys }: Sysroot, trial: Trial | null): string | null {
  const variables = readUbootVariables(sys);
  const isMeant = trial !== null && variables.get(UBOOT_TRIAL) === trial.id;
  const isIdle = !isCounting(variables) || isMeant;
  return isIdle ? setUbootVariables(sys, {}) : setUbootVariables(sys, IDLE_VARIABLES);
}

/** The trial was passed. Durable once synced; a crash leaves it as it was, with no more tries used than were. */
export function writeGood(sysroot: Sysroot, counter: Counter, trial: Trial): void {
  switch (counter) {
    case 'grub2': {
      const block = requireGrubEnvironment(sysroot) ?? emptyEnvironment();
      const good = { [GRUB_TRIAL]: trial.id, [GRUB_LEFT]: 'good' };
      return writeGrubEnvironment(sysroot, withEnvironment(block, good));
    }
    case 'uboot':
      setUbootVariables(sysroot.sys, goodVariables(trial));
      return;
    case 'entries':
      return markEntryGood(sysroot, trial);
    case null:
      return;
    default:
      counter satisfies never;
  }
}
