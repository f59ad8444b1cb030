import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { Syscalls } from '#native/syscalls.ts';

/** A path may have 4096 characters; a console has 2000. */
const LONGEST_LINE = 400;
const MOST_PLACES = 10;

/**
 * Prints `program: message`, the hint and the lines of a report on standard error; of an error of the program itself
 * where in its source.
 * @returns the exit code, 1
 */
export function reportFailure(
  sys: Syscalls,
  program: string,
  error: unknown,
  report: readonly string[] = [],
): number {
  const fault = faultOf(error);
  const lines = [`${program}: ${fault === null ? '' : 'internal: '}${printable(messageOf(error))}`];
  if (fault !== null) lines.push(...placesOf(fault));
  if (error instanceof UserError && error.hint !== undefined) lines.push(`hint: ${printable(error.hint)}`);
  sys.write(2, [...lines, ...report].map((line) => `${line}\n`).join(''));
  return 1;
}

/** The error of the program itself that is at the bottom; null where it is one of the system or the input. */
function faultOf(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  if (error.cause !== undefined) return faultOf(error.cause);
  return codeOf(error) === undefined ? error : null;
}

/** V8 repeats the message before them. */
function placesOf(error: Error): readonly string[] {
  const lines = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return lines.slice(0, MOST_PLACES).map(printable);
}

/** The command line and file names may hold anything; on the console they must stay one line, and not a long one. */
export function printable(text: string): string {
  const line = [...text].map((c) => (isControl(c.charCodeAt(0)) ? '?' : c)).join('');
  return line.length <= LONGEST_LINE ? line : `${line.slice(0, LONGEST_LINE)}..`;
}

function isControl(code: number): boolean {
  return code < 32 || (code >= 127 && code < 160);
}
