/** The files that `--skip-list` and `--statoverride` name. */
import type { CliContext } from '#cli/context.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';

export type StatOverride = { readonly add: number } | { readonly replace: number };

/** One path a line. @throws UserError NO_FILE */
export function pathList(context: CliContext, file: string): Set<string> {
  return new Set(linesOf(context, file));
}

/** `+MODE PATH` adds mode bits, `=MODE PATH` replaces the mode; MODE is decimal. @throws UserError NO_FILE, BAD_LIST */
export function statOverrides(context: CliContext, file: string): Map<string, StatOverride> {
  return new Map(linesOf(context, file).map((line) => parseOverride(file, line)));
}

/** Names on a list that the tree does not have are a mistake of the list. @throws UserError UNMATCHED_PATHS */
export function refuseUnmatched(what: string, wanted: Iterable<string>, seen: ReadonlySet<string>): void {
  const unmatched = [...wanted].filter((path) => !seen.has(path));
  if (unmatched.length > 0)
    throw new UserError('UNMATCHED_PATHS', `Unmatched ${what} paths: ${unmatched.join(' ')}`);
}

function parseOverride(file: string, line: string): [string, StatOverride] {
  const space = line.indexOf(' ');
  const replace = line.startsWith('=');
  const mode = Number(line.slice(replace || line.startsWith('+') ? 1 : 0, Math.max(space, 0)));
  if (space < 0 || !Number.isInteger(mode))
    throw new UserError('BAD_LIST', `${file}: Malformed statoverride file: '${line}' is not '+MODE PATH'`);
  return [line.slice(space + 1), replace ? { replace: mode } : { add: mode }];
}

function linesOf(context: CliContext, file: string): string[] {
  const text = context.sys.readText(AT_FDCWD, file);
  if (text === null) throw new UserError('NO_FILE', `${file}: No such file or directory`);
  return text.split('\n').filter((line) => line !== '');
}
