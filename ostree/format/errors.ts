/**
 * An error whose message is meant for the person at the terminal: what failed, on which thing, why.
 * `code` is stable and listed in docs/errors.md; `hint` says what to do, where there is something to do.
 */
export class UserError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** Runs `action`; an error that leaves it is prefixed with what was being done. The code and hint stay. */
export function during<T>(doing: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw prefixed(doing, error);
  }
}

/** As `during`, for an action that returns a promise. */
export async function duringAsync<T>(doing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw prefixed(doing, error);
  }
}

/** The one-line text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of any thrown value: a UserError's, an errno name, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function prefixed(doing: string, error: unknown): UserError {
  const hint = error instanceof UserError ? error.hint : undefined;
  return new UserError(codeOf(error) ?? 'INTERNAL', `${doing}: ${messageOf(error)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
