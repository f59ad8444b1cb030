/** The commands that would resolve what the solver cannot. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { formatNevra } from '#layering/nevra.ts';
import { holderOf, type AskedJob, type SolveProblem } from '#layering/problems.ts';
import { shellWord, shellWords } from '#layering/shell-word.ts';

/** What the problems came of. */
export interface ProblemContext {
  /** The command as it was given, in a shell's words, without the program's name. */
  readonly command: string;
  /** Requests that this command brings; the others were there before. */
  readonly fresh: ReadonlySet<string>;
}

const PROGRAM = 'yum-ostree';
const REPLACE = /(?:^| )override replace /;

/** All problems as one error: of each what requires it, what holds it, and the command that would resolve it. */
export function problemsError(problems: readonly SolveProblem[], context?: ProblemContext): UserError {
  const hints = [...new Set(problems.flatMap(({ hint }) => hint ?? []))];
  const lines = problems.flatMap((problem) => {
    const holder = holderOf(problem);
    const command = context === undefined ? null : resolvingCommand(problem, context);
    return [
      problem.message,
      ...(holder === null ? [] : [`  ${holder}`]),
      ...(command === null ? [] : [`  resolved by: ${command}`]),
    ];
  });
  const hint = hints.length > 0 ? { hint: hints.join('\n') } : {};
  return new UserError('UNSOLVABLE', lines.join('\n'), hint);
}

/** null where no command of ours would help. */
export function resolvingCommand(problem: SolveProblem, context: ProblemContext): string | null {
  const { cause, asked = [] } = problem;
  if (cause === undefined) return null;
  const layers = asked.filter(({ kind }) => kind === 'install');
  const older = layers.filter(({ request }) => !context.fresh.has(request));
  // What was there before gives way to what is asked for now.
  if (older.length > 0) return `${PROGRAM} ${context.command} --uninstall ${words(older, ' --uninstall ')}`;
  const alsoInstall = layers.map(({ request }) => ` --install ${shellWord(request)}`).join('');
  switch (cause.kind) {
    case 'version': {
      if (cause.isRequest) return replaceWith(layers.map(({ request }) => request));
      if (isReplacing(context)) return withMore(context, cause.wanted.map(formatNevra));
      return replaceWith(unique(cause.wanted.map(formatNevra)), alsoInstall);
    }
    case 'conflict':
      return `${PROGRAM} override remove ${names(cause.base)}${alsoInstall}`;
    case 'needed': {
      const gone = asked.filter(({ kind }) => kind === 'remove').map(({ request }) => request);
      // What needs the version that goes may be there in one that needs the new one.
      if (gone.length === 0 && isReplacing(context))
        return withMore(
          context,
          cause.base.map(({ name }) => name),
        );
      return gone.length === 0 ? null : `${PROGRAM} override remove ${shellWords(gone)} ${names(cause.base)}`;
    }
    case 'requests': {
      const [first, ...others] = layers;
      return first === undefined || others.length === 0
        ? null
        : `${PROGRAM} install ${shellWord(first.request)}`;
    }
    case 'missing':
      return null;
    default:
      return cause satisfies never;
  }
}

function isReplacing({ command }: ProblemContext): boolean {
  return REPLACE.test(command);
}

/** The command with more to replace. */
function withMore({ command }: ProblemContext, items: readonly string[]): string {
  return `${PROGRAM} ${command.replace(REPLACE, (verb) => `${verb}${shellWords(unique(items))} `)}`;
}

function replaceWith(items: readonly string[], more = ''): string | null {
  return items.length === 0 ? null : `${PROGRAM} override replace ${shellWords(items)}${more}`;
}

function words(jobs: readonly AskedJob[], separator: string): string {
  return unique(jobs.map(({ request }) => shellWord(request))).join(separator);
}

function names(packages: readonly { readonly name: string }[]): string {
  return shellWords(unique(packages.map(({ name }) => name)));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
