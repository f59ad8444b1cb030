import { UserError } from '#ostree/format/errors.ts';

/** More than these are only counted. */
const MOST_SHOWN = 10;

/** Gathers what is wrong with several things of one kind, so that all of it can be told at once. */
export interface CollectedProblems {
  /** Runs `action`; null where it failed with a UserError, which is kept. Other errors are thrown. */
  attempt<T>(action: () => T): T | null;
  attemptAsync<T>(action: () => Promise<T>): Promise<T | null>;
  /** @throws UserError with the code of the first problem and a line for each */
  throwIfAny(): void;
}

/** `fatal`: codes of errors that the next thing would meet too, and that are thrown at once. */
export function collectProblems(fatal: readonly string[] = []): CollectedProblems {
  const problems: UserError[] = [];
  const keep = (error: unknown): null => {
    if (!(error instanceof UserError) || fatal.includes(error.code)) throw error;
    if (!problems.some(({ message }) => message === error.message)) problems.push(error);
    return null;
  };
  return {
    attempt: (action) => {
      try {
        return action();
      } catch (error) {
        return keep(error);
      }
    },
    attemptAsync: (action) => action().catch(keep),
    throwIfAny: () => {
      const [first, ...others] = problems;
      if (first !== undefined) throw others.length === 0 ? first : together(first, problems);
    },
  };
}

function together(first: UserError, problems: readonly UserError[]): UserError {
  const hints = new Set(problems.flatMap(({ hint }) => hint ?? []));
  // What helps with one of them only stands below that one.
  const isShared = hints.size <= 1;
  const lines = problems
    .slice(0, MOST_SHOWN)
    .flatMap(({ message, hint }) =>
      isShared || hint === undefined ? [message] : [message, `  hint: ${hint}`],
    );
  if (problems.length > MOST_SHOWN) lines.push(`and ${problems.length - MOST_SHOWN} more`);
  return new UserError(first.code, lines.join('\n'), {
    cause: first,
    ...(isShared && hints.size > 0 ? { hint: [...hints].join('\n') } : {}),
  });
}
