import type { RepoCalls } from '#ostree/repo/repo.ts';

/** What a command sees of its process; tests hand in their own. */
export interface CliContext {
  readonly sys: RepoCalls;
  /** Standard output: the answer only. */
  out(text: string): void;
  /** Standard error: progress, warnings, errors. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether standard error is a terminal (progress may be redrawn) and standard input one (questions may be asked). */
  readonly isTerminal: boolean;
  /** The words that the client was given, after those of rpm-ostree were put into its own. */
  readonly commandLine?: readonly string[];
}
