/** Verbs that other programs bring: `ostree VERB` runs `ostree-VERB` where PATH has it, as ostree(1) does. */
import type { CliContext } from '#cli/context.ts';
import { AT_FDCWD, S } from '#native/syscalls.ts';

const GLOBAL_WITH_VALUE = ['--repo', '--sysroot'];

export interface Extension {
  readonly program: string;
  /** What follows the verb. */
  readonly words: readonly string[];
}

/** The program for a verb that is none of `known`; null where there is none. */
export function findExtension(
  { sys, env }: Pick<CliContext, 'sys' | 'env'>,
  argv: readonly string[],
  known: readonly string[],
): Extension | null {
  const at = argv.findIndex(
    (word, index) => !word.startsWith('-') && !GLOBAL_WITH_VALUE.includes(argv[index - 1] ?? ''),
  );
  const verb = argv[at];
  if (verb === undefined || known.includes(verb) || verb.includes('/')) return null;
  const program = (env['PATH'] ?? '')
    .split(':')
    .map((directory) => `${directory === '' ? '.' : directory}/ostree-${verb}`)
    .find((file) => isProgram(sys.stat(AT_FDCWD, file)?.mode ?? 0));
  return program === undefined ? null : { program, words: argv.slice(at + 1) };
}

function isProgram(mode: number): boolean {
  return (mode & S.IFMT) === S.IFREG && (mode & 0o111) !== 0;
}

/** Becomes that program. */
export function runExtension({ sys, env }: CliContext, { program, words }: Extension): void {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
  sys.exec(program, [program, ...words], variables);
}
