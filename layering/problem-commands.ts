/** The command that would resolve what the solver cannot, and the error that tells it. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import type { ChangeWords } from '#layering/change.ts';
import { holderOf, type SolveProblem } from '#layering/problems.ts';
import { shellWords } from '#layering/shell-word.ts';

/** A command line, apart. */
export interface CommandLine {
  /** All words, without the program's name. */
  readonly all: readonly string[];
  /** The options before the verb. */
  readonly before: readonly string[];
  /** Those of the verb, without those that name packages. */
  readonly options: readonly string[];
  /** Whether the verb changes requests and nothing else: install, uninstall, override. */
  readonly isChangeVerb: boolean;
}

const PROGRAM = 'yum-ostree';

/** All problems as one error: of each what requires it and what holds it; then the command that resolves them all. */
export function problemsError(problems: readonly SolveProblem[], command: string | null = null): UserError {
  const hints = [...new Set(problems.flatMap(({ hint }) => hint ?? []))];
  const lines = problems.flatMap((problem) => {
    const holder = holderOf(problem);
    return [problem.message, ...(holder === null ? [] : [`  ${holder}`])];
  });
  if (command !== null) lines.push(`${problems.length > 1 ? '' : '  '}resolved by: ${command}`);
  const hint = hints.length > 0 ? { hint: hints.join('\n') } : {};
  return new UserError('UNSOLVABLE', lines.join('\n'), hint);
}

/** The command for these words with everything else that the line says; null where no verb has it all. */
export function commandFor(line: CommandLine, before: ChangeWords, words: ChangeWords): string | null {
  const isPlain =
    !line.isChangeVerb || words.clear.length > 0 || words.reset === null || words.reset.length > 0;
  if (!isPlain) return text([...line.before, ...verbFor(words), ...line.options]);
  // Its own words cannot be put otherwise; more to uninstall is all that every verb takes.
  const isSame = [words.install, words.remove, words.replace].every((list, index) =>
    same(list, [before.install, before.remove, before.replace][index] ?? []),
  );
  const more = words.uninstall.slice(before.uninstall.length);
  return isSame ? text([...line.all, ...given('--uninstall', more)]) : null;
}

/** The first kind that there is is the verb, the others are its options. */
function verbFor({ install, uninstall, remove, replace }: ChangeWords): string[] {
  const kinds = [
    { verb: ['override', 'replace'], option: '--replace', items: replace },
    { verb: ['override', 'remove'], option: '--remove', items: remove },
    { verb: ['install'], option: '--install', items: install },
    { verb: ['uninstall'], option: '--uninstall', items: uninstall },
  ].filter(({ items }) => items.length > 0);
  return kinds.flatMap(({ verb, option, items }, index) =>
    index === 0 ? [...verb, ...items] : given(option, items),
  );
}

function given(option: string, items: readonly string[]): string[] {
  return items.flatMap((item) => [option, item]);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

function text(words: readonly string[]): string {
  return `${PROGRAM} ${shellWords(words)}`;
}
