/** Where each boot loader keeps how often the deployment on trial may still boot. */
import type { Bootloader } from '#bootloader/detect.ts';
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
export type Counter = 'grub2' | 'entries' | null;

export function counterOf(bootloader: Bootloader): Counter {
  switch (bootloader) {
    case 'grub2':
      return 'grub2';
    case 'none':
      return 'entries';
    case 'syslinux':
    case 'uboot':
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
    case 'entries':
      return entryCounts(sysroot);
    case null:
      return new Map();
    default:
      return counter satisfies never;
  }
}

/** Before a list with a new trial is made current. @throws UserError GRUB_ENVIRONMENT where nothing could be counted */
export function prepareTrial(sysroot: Sysroot, counter: Counter): void {
  if (counter === 'grub2' && requireGrubEnvironment(sysroot) === null) repairGrubEnvironment(sysroot);
}

/** Mends what counts, where that is clear. @returns a line for each thing that was mended */
export function repairCounter(sysroot: Sysroot, counter: Counter): string[] {
  const said = counter === 'grub2' ? repairGrubEnvironment(sysroot) : null;
  return said === null ? [] : [said];
}

/** The trial was passed. Durable once synced; a crash leaves it as it was, with no more tries used than were. */
export function writeGood(sysroot: Sysroot, counter: Counter, trial: Trial): void {
  switch (counter) {
    case 'grub2': {
      const block = requireGrubEnvironment(sysroot) ?? emptyEnvironment();
      const good = { [GRUB_TRIAL]: trial.id, [GRUB_LEFT]: 'good' };
      return writeGrubEnvironment(sysroot, withEnvironment(block, good));
    }
    case 'entries':
      return markEntryGood(sysroot, trial);
    case null:
      return;
    default:
      counter satisfies never;
  }
}
