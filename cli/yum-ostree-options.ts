/** The options that every verb of `yum-ostree` has, and what a verb works with. */
import fs from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { makeReporter, type Reporter } from '#cli/report.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { askingOnce } from '#layering/key-question.ts';
import type { RepositoryRequest } from '#layering/open-repositories.ts';

export interface GlobalOptions {
  readonly sysroot?: string;
  readonly os?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly yes?: boolean;
  readonly progressFd?: number;
  /** Seconds; Infinity without end. */
  readonly wait?: number;
  readonly debug?: boolean;
}

/** What `--wait` without a number stands for. */
const FOREVER = 'forever';

/**
 * The words with a value for each `--wait` that stands alone, which would take the next word for it.
 * @throws UserError USAGE where a number is next: it may be meant for the seconds as well as for the verb
 */
export function withWaitValues(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (word !== '--wait' || (end !== -1 && index > end)) return word;
    const next = argv[index + 1] ?? '';
    if (/^[0-9]+$/.test(next))
      throw new UserError('USAGE', `--wait ${next}: it may be read in two ways`, {
        hint: `--wait=${next} waits ${next} seconds; to wait without end, put --wait where no number follows`,
      });
    return `--wait=${FOREVER}`;
  });
}

export function addGlobalOptions(command: Command): void {
  command
    .option('--sysroot <DIR>', 'the system to work on (OSTREE_SYSROOT; default /)')
    .option('--os <NAME>', 'the stateroot to work on')
    .option('--json', 'print JSON')
    .option('-v, --verbose', 'print more')
    .option('-q, --quiet', 'print only errors and warnings')
    .option('-y, --yes', 'answer yes to questions')
    .option('--progress-fd <N>', 'write progress as JSON lines to this file descriptor', wholeNumber)
    .addOption(waitOption())
    .option('--debug', 'print the stack of an error');
}

/** A value only after `=`, which is not how commander shows one. */
function waitOption(): Option {
  const option = new Option('--wait [SECONDS]', 'wait for another process that is changing the system');
  option.flags = '--wait[=SECONDS]';
  return option.argParser(seconds);
}

/** What is said about repositories. */
export interface RepositoryFlags {
  readonly cacheOnly?: boolean;
  readonly gpgchecks?: boolean;
  readonly repofrompath?: string[];
  readonly enablerepo?: string[];
  readonly disablerepo?: string[];
  readonly acceptKey?: string[];
}

export function addRepositoryOptions(command: Command): Command {
  return command
    .option('-C, --cache-only', 'use only what is on this machine already')
    .option('--no-gpgchecks', 'check no signatures')
    .option('--repofrompath <ID,PATH>', 'also use the repository at this path or address', collected)
    .option('--enablerepo <ID>', 'use a repository that is not enabled', collected)
    .option('--disablerepo <ID>', 'do not use a repository', collected)
    .option('--accept-key <FINGERPRINT>', 'trust this key for signatures', collected);
}

export interface RunningVerb {
  readonly context: CliContext;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export function repositoryRequest(
  flags: GlobalOptions & RepositoryFlags,
  { context, reporter, signal }: RunningVerb,
): RepositoryRequest {
  return {
    cacheOnly: flags.cacheOnly === true,
    noGpgChecks: flags.gpgchecks === false,
    repoFromPath: flags.repofrompath ?? [],
    enable: flags.enablerepo ?? [],
    disable: flags.disablerepo ?? [],
    acceptKeys: flags.acceptKey ?? [],
    now: context.sys.now(),
    progress: reporter.progress,
    signal,
    ...keyQuestion(flags, context, reporter),
  };
}

/** A new key is asked about on a terminal only, and `-y` does not answer that. */
function keyQuestion(
  flags: GlobalOptions,
  context: CliContext,
  reporter: Reporter,
): Pick<RepositoryRequest, 'confirmKey'> {
  const ask = questioner(flags, context, reporter);
  if (ask === null) return {};
  return {
    confirmKey: askingOnce((key) =>
      ask(`Trust the key ${key.fingerprint} (${key.userId}) from ${key.source}?`),
    ),
  };
}

/** Asks a question that is answered with yes or no; null where there is nobody to ask. */
export function questioner(
  flags: GlobalOptions,
  context: CliContext,
  reporter: Reporter,
): ((question: string) => Promise<boolean>) | null {
  if (!context.isTerminal || flags.json === true) return null;
  return async (question) => {
    reporter.finish();
    const { askYesNo } = await import('#cli/ask.ts');
    return askYesNo(question);
  };
}

/** The options of a verb with those that stood before it. */
export function optionsOf<T extends object>(command: Command): GlobalOptions & T {
  return command.optsWithGlobals();
}

export function sysrootPath(options: GlobalOptions, context: CliContext): string {
  const path = options.sysroot ?? context.env['OSTREE_SYSROOT'] ?? '/';
  if (path === '') throw new UserError('USAGE', 'the path of the sysroot is empty');
  return path;
}

/** A number of seconds; null without end; by default none is waited. */
export function waitSeconds({ wait }: GlobalOptions): number | null {
  return wait === Infinity ? null : (wait ?? 0);
}

export function reporterOf(options: GlobalOptions, context: CliContext): Reporter {
  const fd = options.progressFd;
  if (fd !== undefined) refuseUnwritable(fd);
  return makeReporter((text) => context.err(text), {
    isTerminal: context.isTerminal,
    quiet: options.quiet === true,
    verbose: options.verbose === true,
    json: fd === undefined ? null : (line) => context.sys.write(fd, line),
    now: () => performance.now(),
  });
}

/** @throws UserError USAGE where nothing can be written to the descriptor, before anything else is done */
function refuseUnwritable(fd: number): void {
  try {
    fs.writeSync(fd, new Uint8Array(0));
  } catch (cause) {
    throw new UserError('USAGE', `--progress-fd ${fd}: it is not open for writing: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The bytes of a file that an option names, as text. @throws UserError USAGE where it is not there */
export function optionFile(context: CliContext, path: string): string {
  const text = context.sys.readText(AT_FDCWD, path);
  if (text === null) throw new UserError('USAGE', `there is no file '${path}'`);
  return text;
}

/** For options that may be given several times. */
export function collected(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

function seconds(text: string): number {
  return text === FOREVER ? Infinity : wholeNumber(text);
}

export function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('it is not a whole number.');
  return Number(text);
}
