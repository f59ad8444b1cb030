import { messageOf, UserError } from '#ostree/format/errors.ts';
import type { Syscalls } from '#native/syscalls.ts';

/** Prints `program: message` and the hint on standard error. @returns the exit code, 1 */
export function reportFailure(sys: Syscalls, program: string, error: unknown): number {
  const lines = [`${program}: ${printable(messageOf(error))}`];
  if (error instanceof UserError && error.hint !== undefined) lines.push(`hint: ${printable(error.hint)}`);
  sys.write(2, lines.map((line) => `${line}\n`).join(''));
  return 1;
}

/** The command line and file names may hold anything; on the console they must stay one line. */
function printable(text: string): string {
  return [...text].map((c) => (isControl(c.charCodeAt(0)) ? '?' : c)).join('');
}

function isControl(code: number): boolean {
  return code < 32 || (code >= 127 && code < 160);
}
