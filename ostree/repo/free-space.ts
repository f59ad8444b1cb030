/** `core.min-free-space-size` and `core.min-free-space-percent`: what a transaction may add. */
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import type { FsStat, Syscalls } from '#native/syscalls.ts';
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

/**
 * Refuses content of `needed` bytes before any of it is written. @throws UserError NO_SPACE with the numbers
 */
export function requireFreeSpace(repo: Repo, needed: number): void {
  const { setting, budget } = freeSpaceRule(repo);
  const hint = `free some space ('ostree prune' removes unreferenced commits)`;
  if (budget !== Infinity && needed > budget)
    throw new UserError(
      'NO_SPACE',
      `${setting} would be exceeded, at least ${megabytes(needed)} MB requested, ${megabytes(budget)} MB may be added to ${repo.path}`,
      { hint },
    );
  const free = freeBytes(repo.sys, repo.sys.statfs(repo.fd));
  if (needed > free)
    throw new UserError(
      'NO_SPACE',
      `the file system of ${repo.path} has ${megabytes(free)} MB free, ${megabytes(needed)} MB are needed`,
      { hint },
    );
}

/** What this process may use of a file system: root has what is kept for it, too. */
export function freeBytes(sys: Pick<Syscalls, 'geteuid'>, { bsize, bfree, bavail }: FsStat): number {
  return (sys.geteuid() === 0 ? bfree : bavail) * bsize;
}

/** With one decimal, without the unit. */
export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
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
