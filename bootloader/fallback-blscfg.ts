/**
 * The counting of Fedora's GRUB, whose menu is the boot entries themselves (`blscfg`): its grub.cfg takes one off
 * `boot_counter` at each boot while `boot_success` is 0, and at 0 boots the second entry of the menu instead, with
 * `boot_counter=-1` from then on (08_fallback_counting; greenboot relies on it, too).
 */
import { isCommand } from '#bootloader/grub-duplicates.ts';
import { GRUB_TRIAL } from '#bootloader/fallback-grub.ts';
import type { Counts, Trial } from '#bootloader/fallback.ts';

type Changes = Readonly<Record<string, string | null>>;
/** Reads a variable of the environment block; null where it is not set. */
export type Variable = (name: string) => string | null;

const COUNTER = 'boot_counter';
const SUCCESS = 'boot_success';

/** Whether a grub.cfg makes its menu from the entries. */
export function readsEntries(text: string): boolean {
  return text.split('\n').some((line) => isCommand(line, 'blscfg'));
}

/** Whether a grub.cfg counts. */
export function countsBoots(text: string): boolean {
  return text.split('\n').some((line) => line.trim().startsWith('set default=1')) && text.includes(COUNTER);
}

/** Counting starts. */
export function armedBlscfg({ id, tries }: Trial): Changes {
  return { [GRUB_TRIAL]: id, [COUNTER]: String(tries), [SUCCESS]: '0' };
}

/** The longest of what is ever set: GRUB's own -1. */
export function blscfgAtMost(trial: Trial): Changes {
  return { ...armedBlscfg(trial), [COUNTER]: '-1' };
}

/** The trial was passed. greenboot does the same, without our variable. */
export function goodBlscfg({ id }: Trial): Changes {
  return { [GRUB_TRIAL]: id, [COUNTER]: null, [SUCCESS]: '1' };
}

/** Nothing is on trial. */
export const IDLE_BLSCFG: Changes = { [GRUB_TRIAL]: null, [COUNTER]: null };

/** Whether a trial of ours is counted, or was used up. */
export function isCountingBlscfg(variable: Variable): boolean {
  return variable(GRUB_TRIAL) !== null && variable(COUNTER) !== null;
}

/**
 * While a list without a trial is made current, after a fallback: its second entry is the failed one, and must not boot
 * because the counter is at its end. A crash there leaves either list with some tries for its first entry.
 */
export function betweenLists(tries: number): Changes {
  return { [COUNTER]: String(tries) };
}

/** What the block says. */
export function blscfgCounts(variable: Variable): Counts {
  const trial = variable(GRUB_TRIAL);
  if (trial === null) return new Map();
  const counter = variable(COUNTER);
  if (counter === null) return new Map([[trial, 'good']]);
  const left = Number(counter);
  return new Map(Number.isInteger(left) ? [[trial, Math.max(0, left)]] : []);
}
