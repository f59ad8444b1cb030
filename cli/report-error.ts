import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';

/** What a failed run prints and how it ends. */
export interface FailureReport {
  /** Lines for standard error, each with its newline; empty where all has been said. */
  readonly text: string;
  readonly exitCode: number;
}

/** Exit codes: 1 failed, 2 wrong usage, 141 the reader of the output has gone. */
export function reportFailure(error: unknown, options: { readonly debug: boolean }): FailureReport {
  const usage = commanderExitCode(error);
  if (usage !== null) return { text: '', exitCode: usage === 0 ? 0 : 2 };
  if (codeOf(error) === 'EPIPE') return { text: '', exitCode: 141 };
  const hint = error instanceof UserError && error.hint !== undefined ? `hint: ${oneLine(error.hint)}\n` : '';
  const stack = options.debug ? `code: ${codeOf(error) ?? 'none'}\n${stackOf(error)}` : '';
  const exitCode = codeOf(error) === 'USAGE' ? 2 : 1;
  return { text: `error: ${oneLine(messageOf(error))}\n${hint}${stack}`, exitCode };
}

/** Text from outside must not move the cursor or hide a line: control characters are shown as `\xNN`. */
export function oneLine(text: string): string {
  return [...text]
    .map((c) =>
      c === '\n' ? '\n  ' : isControl(c) ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : c,
    )
    .join('')
    .trimEnd();
}

/** The exit code of a CommanderError, told by its code: commander itself is not loaded for the boot programs. */
function commanderExitCode(error: unknown): number | null {
  if (codeOf(error)?.startsWith('commander.') !== true) return null;
  return (error as { readonly exitCode: number }).exitCode;
}

function isControl(c: string): boolean {
  const code = c.charCodeAt(0);
  return code < 32 || code === 127 || (code >= 0x80 && code < 0xa0);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause = error.cause === undefined ? '' : `caused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}\n${cause}`;
}
