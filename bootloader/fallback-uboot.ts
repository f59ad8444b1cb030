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

type Changes = Readonly<Record<string, string | null>>;

/** Counting starts. */
export function armedVariables({ id, tries }: Trial): Changes {
  return { [UBOOT_TRIAL]: id, bootlimit: String(tries), bootcount: '0', upgrade_available: '1' };
}

/** The trial was passed. */
export function goodVariables({ id }: Trial): Changes {
  return { [UBOOT_TRIAL]: id, bootcount: '0', upgrade_available: '0' };
}

/** Nothing is on trial. */
export const IDLE_VARIABLES: Changes = { [UBOOT_TRIAL]: null, bootcount: '0', upgrade_available: '0' };

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
 * For a boot script where U-Boot itself counts no boots (without CONFIG_BOOTCOUNT_LIMIT), before it loads uEnv.txt: what is
 * loaded from there must not be saved. After that: `if test "${yum_ostree_exhausted}" = "1"; then run yum_ostree_fallback; fi`.
 */
export const UBOOT_COUNTING_SCRIPT = `if test "\${upgrade_available}" = "1"; then
  if test \${bootcount} -ge \${bootlimit}; then
    setenv yum_ostree_exhausted 1
  else
    setexpr bootcount \${bootcount} + 1
    saveenv
  fi
fi
`;
