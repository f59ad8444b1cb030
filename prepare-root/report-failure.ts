import { messageOf, UserError } from '#ostree/format/errors.ts';
import type { Syscalls } from '#native/syscalls.ts';

/** A path may have 4096 characters; a console has 2000. */
const LONGEST_LINE = 400;

/** Prints `program: message`, the hint and the lines of a report on standard error. @returns the exit code, 1 */
export function reportFailure(
  sys: Syscalls,
  program: string,
  error: unknown,
  report: readonly string[] = [],
): number {
  const lines = [`${program}: ${printable(messageOf(error))}`];
  if (error instanceof UserError && error.hint !== undefined) lines.push(`hint: ${printable(error.hint)}`);
  sys.write(2, [...lines, ...report].map((line) => `${line}\n`).join(''));
  return 1;
}

/** The command line and file names may hold anything; on the console they must stay one line, and not a long one. */
export function printable(text: string): string {
  const line = [...text].map((c) => (isControl(c.charCodeAt(0)) ? '?' : c)).join('');
  return line.length <= LONGEST_LINE ? line : `${line.slice(0, LONGEST_LINE)}..`;
}

function isControl(code: number): boolean {
  return code < 32 || (code >= 127 && code < 160);
}
