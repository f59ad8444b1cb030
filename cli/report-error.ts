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
  const stack = options.debug ? `code: ${codeOf(error) ?? 'none'}\n${shownText(stackOf(error))}` : '';
  const exitCode = codeOf(error) === 'USAGE' ? 2 : 1;
  return { text: `error: ${oneLine(messageOf(error))}\n${hint}${stack}`, exitCode };
}

/** As `shownText`; further lines are indented, so that none looks like one of ours. */
export function oneLine(text: string): string {
  return shownText(text).replaceAll('\n', '\n  ').trimEnd();
}

/**
 * Text from outside must not move the cursor or hide a line: control characters are shown as `\xNN`, those above ASCII
 * as `\u00NN` (which JSON, that may hold them as they are, reads as the same). Lines stay lines.
 */
export function shownText(text: string): string {
  // Nearly all text has none.
  return CONTROL.test(text) ? text.split('\n').map(shownWord).join('\n') : text;
}

/** As `shownText`, for what has to stay on one line. */
export function shownWord(text: string): string {
  return text.replace(EACH_CONTROL, (c) => {
    const code = c.charCodeAt(0);
    const hex = code.toString(16).padStart(2, '0');
    return code < 0x7f ? `\\x${hex}` : `\\u00${hex}`;
  });
}

const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
const EACH_CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** The exit code of a CommanderError, told by its code: commander itself is not loaded for the boot programs. */
function commanderExitCode(error: unknown): number | null {
  if (codeOf(error)?.startsWith('commander.') !== true) return null;
  return (error as { readonly exitCode: number }).exitCode;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause = error.cause === undefined ? '' : `caused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}\n${cause}`;
}
