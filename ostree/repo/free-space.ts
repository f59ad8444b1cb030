/** `core.min-free-space-size` and `core.min-free-space-percent`: what a transaction may add. */
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import type { FsStat } from '#native/syscalls.ts';
import type { Repo } from '#ostree/repo/repo.ts';

const DEFAULT_PERCENT = 3;
const UNITS: Readonly<Record<string, number>> = { MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** The setting in the words of the configuration, for messages. */
export interface FreeSpaceRule {
  readonly setting: string;
  /** Bytes of content that may be added now (not below 0; Infinity where nothing is reserved). */
  readonly budget: number;
}

/** How much content a transaction that starts now may add. @throws UserError BAD_REPO for a malformed setting */
export function freeSpaceRule(repo: Repo): FreeSpaceRule {
  const size = keyFileString(repo.config, 'core', 'min-free-space-size');
  const percent = keyFileString(repo.config, 'core', 'min-free-space-percent');
  return freeSpaceBudget({ size, percent }, repo.sys.statfs(repo.fd));
}

/** The pure part of `freeSpaceRule`. A size wins over a percentage; 0 reserves nothing. */
export function freeSpaceBudget(
  config: { readonly size: string | null; readonly percent: string | null },
  fs: FsStat,
): FreeSpaceRule {
  if (config.size !== null) return rule(`min-free-space-size ${config.size}`, parseSize(config.size), fs);
  const percent = config.percent === null ? DEFAULT_PERCENT : parsePercent(config.percent);
  return rule(`min-free-space-percent '${percent}%'`, Math.floor(fs.blocks / 100) * percent * fs.bsize, fs);
}

function rule(setting: string, reserved: number, fs: FsStat): FreeSpaceRule {
  const budget = reserved === 0 ? Infinity : Math.max(0, fs.bfree * fs.bsize - reserved);
  return { setting, budget };
}

function parseSize(text: string): number {
  const unit = UNITS[text.slice(-2)];
  const digits = text.slice(0, -2);
  if (unit === undefined || !isDigits(digits))
    throw new UserError('BAD_REPO', `It should be of the format '123MB', '123GB' or '123TB': '${text}'`, {
      hint: 'core.min-free-space-size in the repository configuration',
    });
  return Number(digits) * unit;
}

function parsePercent(text: string): number {
  if (!isDigits(text) || Number(text) > 99)
    throw new UserError('BAD_REPO', `Invalid min-free-space-percent '${text}'`);
  return Number(text);
}

function isDigits(text: string): boolean {
  return text !== '' && text.length < 12 && [...text].every((c) => c >= '0' && c <= '9');
}
