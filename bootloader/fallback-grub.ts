/**
 * What GRUB does for the fallback model, in its script language. It keeps two variables in its environment block: the id
 * of the trial it counts, and the tries left, or the word `good` that mark-good writes. The id is in grub.cfg too, so a
 * new list of entries is on trial from the rename on that makes it current, without a write to the block.
 */
import type { Counts, Trial } from '#bootloader/fallback.ts';
import type { MenuFallback } from '#bootloader/fallback-marks.ts';

export const GRUB_TRIAL = 'yum_ostree_trial';
export const GRUB_LEFT = 'yum_ostree_left';
const BOTH = `${GRUB_TRIAL} ${GRUB_LEFT}`;

/**
 * Before the entries: where the trial's tries are used up, the entry of that id is the default. An entry that somebody
 * chose for the next boot alone (grub-reboot) is left to boot.
 */
export function grubChoice({ trial }: MenuFallback, fallbackId: string): string {
  return [
    'if [ -s $prefix/grubenv ]; then',
    `  load_env ${BOTH}`,
    'fi',
    `export ${BOTH}`,
    `if [ "\${${GRUB_TRIAL}}" = "${trial.id}" -a "\${${GRUB_LEFT}}" = "0" -a "\${boot_once}" != "true" ]; then`,
    `  set default=${fallbackId}`,
    'fi',
    '',
  ].join('\n');
}

/** In the entry that is on trial, before its kernel: one try less. GRUB has no arithmetic. */
export function grubCountDown({ id, tries }: Trial): string[] {
  const steps = Array.from({ length: tries - 1 }, (_, at) => tries - 1 - at).flatMap((left) => [
    `elif [ "\${${GRUB_LEFT}}" = "${left}" ]; then`,
    ...setLeft(left - 1),
  ]);
  return [
    `if [ "\${${GRUB_TRIAL}}" != "${id}" ]; then`,
    `  set ${GRUB_TRIAL}=${id}`,
    ...setLeft(tries - 1),
    ...steps,
    'fi',
  ];
}

/** The trial was passed: the longest of what is ever set. */
export function goodGrub({ id }: Trial): Readonly<Record<string, string>> {
  return { [GRUB_TRIAL]: id, [GRUB_LEFT]: 'good' };
}

function setLeft(left: number): string[] {
  return [`  set ${GRUB_LEFT}=${left}`, `  save_env ${BOTH}`];
}

/** What the block says, from its variables; null where they are not set. */
export function grubCounts(trial: string | null, left: string | null): Counts {
  if (trial === null || left === null) return new Map();
  if (left === 'good') return new Map([[trial, 'good']]);
  const isDigit = left.length === 1 && left >= '0' && left <= '9';
  return new Map(isDigit ? [[trial, Number(left)]] : []);
}
