/**
 * What U-Boot does for the fallback model: it counts boots in `bootcount` while `upgrade_available` is 1, and runs
 * `altbootcmd` where there were more than `bootlimit`. uEnv.txt says what that has to boot (docs/fallback.md).
 */
import type { MenuFallback } from '#bootloader/fallback-marks.ts';
import type { Counts, Trial } from '#bootloader/fallback.ts';
import type { Variables } from '#bootloader/uboot-environment.ts';
import type { BlsEntry } from '#ostree/format/bls.ts';
import { blsValue } from '#ostree/format/bls.ts';

/** The trial that is counted. */
export const UBOOT_TRIAL = 'yum_ostree_trial';
/** A command in uEnv.txt: takes the other entry's variables. */
const UBOOT_FALLBACK = 'yum_ostree_fallback';

/** The `bootcount` that boot.scr left: with another one U-Boot has counted the boot itself. */
const COUNTED = 'yum_ostree_counted';
/** What U-Boot runs where it counts itself and the limit is passed. Without it, it would stop at its prompt. */
const ALTERNATIVE = 'setenv yum_ostree_exhausted 1; run bootcmd';

type Changes = Readonly<Record<string, string | null>>;

/** Counting starts. `before`: what is set; an `altbootcmd` of the board's vendor stays. */
export function armedVariables({ id, tries }: Trial, before: Variables): Changes {
  return {
    [UBOOT_TRIAL]: id,
    [COUNTED]: null,
    bootlimit: String(tries),
    bootcount: '0',
    upgrade_available: '1',
    ...(before.has('altbootcmd') ? {} : { altbootcmd: ALTERNATIVE }),
  };
}

/** The trial was passed. */
export function goodVariables({ id }: Trial): Changes {
  return { ...IDLE_VARIABLES, [UBOOT_TRIAL]: id };
}

/** Nothing is on trial. */
export const IDLE_VARIABLES: Changes = {
  [UBOOT_TRIAL]: null,
  [COUNTED]: null,
  bootcount: '0',
  upgrade_available: '0',
};

export function isCounting(variables: Variables): boolean {
  return variables.get('upgrade_available') === '1';
}

/** With native counting the last value is one more than the limit, or grows. */
export function ubootCounts(variables: Variables): Counts {
  const trial = variables.get(UBOOT_TRIAL);
  if (trial === undefined) return new Map();
  if (!isCounting(variables)) return new Map([[trial, 'good']]);
  const [limit, count] = [Number(variables.get('bootlimit')), Number(variables.get('bootcount') ?? '0')];
  return Number.isInteger(limit) && Number.isInteger(count)
    ? new Map([[trial, Math.max(0, limit - count)]])
    : new Map();
}

/** For uEnv.txt, after the variables of all entries: what `altbootcmd` runs. */
export function ubootFallbackLine(
  fallback: MenuFallback | null,
  entries: readonly BlsEntry[],
  variables: readonly (readonly [key: string, variable: string])[],
): string {
  const entry = fallback === null ? undefined : entries[fallback.place];
  if (fallback === null || entry === undefined) return '';
  const suffix = String(fallback.place + 1);
  const commands = [...variables, ['options', 'bootargs'] as const].map(([key, name]) =>
    blsValue(entry, key) === null ? `setenv ${name}` : `setenv ${name} "\${${name}${suffix}}"`,
  );
  return `${UBOOT_FALLBACK}=${commands.join('; ')}\n`;
}

/**
 * For boot.scr, before an entry is chosen: one try less, or the other entry. `ostree_trial` is set after it where the
 * deployment on trial boots and the count is stored. It has no arithmetic: not every U-Boot has `setexpr`. Where somebody
 * chose an entry nothing is counted.
 */
export function ubootCountDown({ trial, place }: MenuFallback): string[] {
  const { id, tries } = trial;
  const steps = Array.from({ length: tries }, (_, at) => at);
  return [
    `test -n "\${ostree_entry}" || test "\${upgrade_available} \${${UBOOT_TRIAL}}" != "1 ${id}" || setenv ostree_trial 1`,
    'if test -n "${ostree_trial}"; then',
    '  test -n "${bootcount}" || setenv bootcount 0',
    `  test -n "\${${COUNTED}}" || setenv ${COUNTED} 0`,
    `  test "\${yum_ostree_exhausted}" != "1" || setenv ostree_entry ${place}`,
    `  test \${bootcount} -le ${tries} || setenv ostree_entry ${place}`,
    `  if test "\${bootcount}" = "\${${COUNTED}}"; then`,
    `    if test \${bootcount} -ge ${tries}; then`,
    `      setenv ostree_entry ${place}`,
    '    else',
    ...steps.map((at) => `      test "\${${COUNTED}}" != "${at}" || setenv bootcount ${at + 1}`),
    `      setenv ${COUNTED} \${bootcount}`,
    '      saveenv || setenv ostree_trial',
    '    fi',
    '  fi',
    '  test -z "${ostree_entry}" || setenv ostree_trial',
    'fi',
  ];
}
