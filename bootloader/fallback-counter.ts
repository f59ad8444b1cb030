/** Where each boot loader keeps how often the deployment on trial may still boot. */
import {
  chooseBootloader,
  EXTLINUX,
  leadsTo,
  readBootloaderFacts,
  type Bootloader,
} from '#bootloader/detect.ts';
import {
  armedVariables,
  goodVariables,
  IDLE_VARIABLES,
  isCounting,
  ubootCounts,
  UBOOT_TRIAL,
} from '#bootloader/fallback-uboot.ts';
import {
  armedBlscfg,
  betweenLists,
  blscfgAtMost,
  blscfgCounts,
  countsBoots,
  goodBlscfg,
  IDLE_BLSCFG,
  isCountingBlscfg,
  readsEntries,
} from '#bootloader/fallback-blscfg.ts';
import { readUbootVariables, setUbootVariables } from '#bootloader/uboot-environment-file.ts';
import { entriesUncounted } from '#bootloader/entries-counter.ts';
import { entryCounts, markEntryGood } from '#bootloader/fallback-entries.ts';
import { goodGrub, grubCounts, GRUB_LEFT, GRUB_TRIAL } from '#bootloader/fallback-grub.ts';
import type { Counts, Trial } from '#bootloader/fallback.ts';
import {
  changedGrubEnvironment,
  grubConfigurations,
  repairGrubEnvironment,
  requireGrubEnvironment,
  writeGrubEnvironment,
} from '#bootloader/grub-environment-file.ts';
import { emptyEnvironment, environmentValue } from '#bootloader/grub-environment.ts';
import {
  armSyslinux,
  findSyslinux,
  markSyslinuxGood,
  readSyslinuxCounts,
  repairSyslinux,
  type SyslinuxPlace,
} from '#bootloader/syslinux-trial.ts';
import { bootPartitionOf } from '#bootloader/boot-partition.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/**
 * 'blscfg': as Fedora's GRUB does; 'entries': in the names of the entry files, as systemd-boot does; null: nowhere.
 */
export type Counter = 'grub2' | 'blscfg' | 'uboot' | 'entries' | SyslinuxPlace | null;

export interface CounterFound {
  readonly counter: Counter;
  /** Why there is none; '' where that needs no word. */
  readonly why: string;
}

/** @throws UserError BAD_REPO, BOOTLOADER */
export function counterOf(sysroot: Sysroot): CounterFound {
  const { sys, fd, repo } = sysroot;
  const facts = readBootloaderFacts(sys, fd, repo.config);
  const bootloader = chooseBootloader(facts);
  const isFree = bootloader === 'none' && !facts.hasBootScript && bootPartitionOf(sysroot) === null;
  if (bootloader === 'syslinux' || (isFree && leadsTo(sysroot, EXTLINUX))) {
    const found = findSyslinux(sysroot, bootloader);
    return typeof found === 'string' ? { counter: null, why: found } : { counter: found, why: '' };
  }
  if (isFree) {
    const menus = grubConfigurations(sysroot).filter(readsEntries);
    if (menus.some(countsBoots)) return { counter: 'blscfg', why: '' };
    if (menus.length > 0) return { counter: null, why: 'grub.cfg has blscfg without 08_fallback_counting' };
    const why = entriesUncounted(sysroot, facts.configured);
    if (why !== null) return { counter: null, why };
  }
  return { counter: plainCounter(bootloader, facts.hasBootScript, sysroot.booted !== null), why: '' };
}

/** @param isBooted the sysroot is that of the running machine, whose devices are known */
function plainCounter(bootloader: Bootloader, hasBootScript: boolean, isBooted: boolean): Counter {
  switch (bootloader) {
    case 'grub2':
      return 'grub2';
    case 'uboot':
      return isBooted ? 'uboot' : null;
    case 'none':
      // U-Boot reads no entries.
      if (hasBootScript) return isBooted ? 'uboot' : null;
      return 'entries';
    case 'syslinux':
      return null;
    default:
      return bootloader satisfies never;
  }
}

/** Of those that are wanted, as many as can be counted: syslinux boots something else once. */
export function countableTries(counter: Counter, wanted: number): number | null {
  if (counter === null) return null;
  return isOnce(counter) ? 1 : wanted;
}

function isOnce(counter: Counter): counter is SyslinuxPlace {
  return typeof counter === 'object' && counter !== null;
}

/** @throws UserError GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT, SYSLINUX_DATA */
export function readCounts(sysroot: Sysroot, counter: Counter): Counts {
  if (isOnce(counter)) return readSyslinuxCounts(sysroot, counter);
  switch (counter) {
    case 'grub2': {
      const block = requireGrubEnvironment(sysroot);
      if (block === null) return new Map();
      return grubCounts(environmentValue(block, GRUB_TRIAL), environmentValue(block, GRUB_LEFT));
    }
    case 'blscfg': {
      const block = requireGrubEnvironment(sysroot);
      return block === null ? new Map() : blscfgCounts((name) => environmentValue(block, name));
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
 * Before a list is made current; `trial`: of its first deployment, null for none. U-Boot counts from now on: where the list is then not
 * made current, it finds no other entry to boot, and the next mark-good ends the counting.
 * @throws UserError GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT, SYSLINUX_DATA where nothing could be counted
 */
export function prepareTrial(
  sysroot: Sysroot,
  counter: Counter,
  { trial, tries }: { readonly trial: Trial | null; readonly tries: number },
): void {
  if (isOnce(counter)) {
    // Without its entry, syslinux would wait at its prompt.
    if (trial === null) repairSyslinux(sysroot, counter, null);
    else armSyslinux(sysroot, counter, trial);
  }
  if (counter === 'blscfg') return prepareBlscfg(sysroot, trial, tries);
  if (trial === null) return;
  if (counter === 'grub2') {
    // GRUB says nothing where it has no room, and counts nothing.
    changedGrubEnvironment(sysroot, goodGrub(trial));
    if (requireGrubEnvironment(sysroot) === null) repairGrubEnvironment(sysroot);
  }
  if (counter !== 'uboot') return;
  const variables = readUbootVariables(sysroot.sys);
  if (variables.get(UBOOT_TRIAL) !== trial.id)
    setUbootVariables(sysroot.sys, armedVariables(trial, variables));
}

/** Counted is from now on, as with U-Boot; what is not made current then is ended by the next mark-good. */
function prepareBlscfg(sysroot: Sysroot, trial: Trial | null, tries: number): void {
  const block = requireGrubEnvironment(sysroot) ?? emptyEnvironment();
  const variable = (name: string): string | null => environmentValue(block, name);
  if (trial === null) {
    if (isCountingBlscfg(variable)) setGrubVariables(sysroot, betweenLists(tries));
  } else if (!blscfgCounts(variable).has(trial.id)) {
    changedGrubEnvironment(sysroot, blscfgAtMost(trial));
    setGrubVariables(sysroot, armedBlscfg(trial));
  }
}

function setGrubVariables(sysroot: Sysroot, changes: Readonly<Record<string, string | null>>): void {
  writeGrubEnvironment(sysroot, changedGrubEnvironment(sysroot, changes));
}

/**
 * Mends what counts, where that is clear. `trial`: of the default, null for none.
 * @returns a line for each thing that was mended
 */
export function repairCounter(sysroot: Sysroot, counter: Counter, trial: Trial | null): string[] {
  const said = repaired(sysroot, counter, trial);
  return said === null ? [] : [said];
}

function repaired(sysroot: Sysroot, counter: Counter, trial: Trial | null): string | null {
  if (isOnce(counter)) return repairSyslinux(sysroot, counter, trial);
  if (counter === 'grub2') return repairGrubEnvironment(sysroot);
  if (counter === 'blscfg') return repairBlscfg(sysroot, trial);
  return counter === 'uboot' ? repairUboot(sysroot, trial) : null;
}

function repairBlscfg(sysroot: Sysroot, trial: Trial | null): string | null {
  const said = repairGrubEnvironment(sysroot);
  const block = requireGrubEnvironment(sysroot) ?? emptyEnvironment();
  const variable = (name: string): string | null => environmentValue(block, name);
  const isMeant = trial !== null && blscfgCounts(variable).has(trial.id);
  if (isCountingBlscfg(variable) && !isMeant) setGrubVariables(sysroot, IDLE_BLSCFG);
  return said;
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
  if (isOnce(counter)) return markSyslinuxGood(sysroot, counter, trial);
  switch (counter) {
    case 'grub2':
      return setGrubVariables(sysroot, goodGrub(trial));
    case 'blscfg':
      return setGrubVariables(sysroot, goodBlscfg(trial));
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
