/** `/run/ostree/fallback`: that another deployment was booted than the one that was asked for. A key file. */
import type { Fallback } from '#prepare-root/fallback.ts';
import { printable } from '#prepare-root/report-failure.ts';
import {
  EMPTY_KEYFILE,
  formatKeyFile,
  keyFileString,
  parseKeyFile,
  withKey,
} from '#ostree/format/keyfile.ts';

/** Beside `/run/ostree-booted`, whose keys are ostree's. */
export const FALLBACK_PATH = '/run/ostree/fallback';
const GROUP = 'fallback';

export function formatFallback({ asked, reason, taken }: Fallback): string {
  const keys = [
    ['taken', taken],
    ['asked', asked],
    ['reason', reason],
  ] as const;
  return formatKeyFile(
    keys.reduce(
      (file, [key, value]) => (value === null ? file : withKey(file, GROUP, key, value)),
      EMPTY_KEYFILE,
    ),
  );
}

/** For the console: loud, because the person at it chose another system than the one that comes up. */
export function fallbackWarning({ asked, reason, taken, sameKernel }: Fallback): string {
  const rule = '*'.repeat(79);
  return [
    rule,
    'FALLBACK: the deployment that was asked for cannot be booted.',
    `asked:   ${asked === null ? 'nothing' : `ostree=${asked}`}`,
    `reason:  ${reason}`,
    `booting: ostree=${taken}`,
    sameKernel ? '         (the same kernel)' : '         (made for ANOTHER KERNEL: modules may not load)',
    rule,
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

/** The link that was taken. @throws UserError BAD_KEYFILE */
export function fallbackTaken(text: string): string | null {
  return keyFileString(parseKeyFile(text, FALLBACK_PATH), GROUP, 'taken');
}
