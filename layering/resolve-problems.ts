/** Other words for a request that cannot be met: found by the problems' causes, and tried. */
import path from 'node:path';
import { isVersionOf } from '#layering/base-word.ts';
import type { ChangeWords } from '#layering/change.ts';
import { compareEvr } from '#layering/evr.ts';
import { formatNevra } from '#layering/nevra.ts';
import type { AskedJob, SolveProblem } from '#layering/problems.ts';
import { parseRequest } from '#layering/request.ts';
import type { SackPackage } from '#native/solver.ts';

/** What came of other words. */
export type Trial =
  | { readonly kind: 'solved' }
  | { readonly kind: 'problems'; readonly problems: readonly SolveProblem[] }
  /** They are wrong in themselves. */
  | { readonly kind: 'refused' };

export interface Trials {
  /** Paths of the package files that this command brings. */
  readonly files: ReadonlySet<string>;
  attempt(words: ChangeWords): Promise<Trial>;
}

/** Each round solves once more. */
const MOST_ROUNDS = 10;
/** What would take out more of the base than this is no help. */
const MOST_REMOVED = 20;

/**
 * Words that ask for all that was asked for, and can be met; null where none are found. What excludes an item of the same
 * command goes, and so do earlier requests that are in the way.
 */
export async function resolvingWords(
  words: ChangeWords,
  problems: readonly SolveProblem[],
  trials: Trials,
): Promise<ChangeWords | null> {
  let [amended, open] = [words, problems];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = amend(amended, open, trials.files);
    if (next === null || next.remove.length - words.remove.length > MOST_REMOVED) return null;
    const trial = await trials.attempt(next);
    if (trial.kind === 'solved') return next;
    if (trial.kind === 'refused') return null;
    [amended, open] = [next, trial.problems];
  }
  return null;
}

/** The words with what each problem's cause calls for; null where one calls for nothing, or for nothing new. */
export function amend(
  words: ChangeWords,
  problems: readonly SolveProblem[],
  files: ReadonlySet<string>,
): ChangeWords | null {
  let amended = words;
  for (const problem of problems) {
    const next = amendOne(amended, problem, files);
    if (next === null) return null;
    amended = next;
  }
  return JSON.stringify(amended) === JSON.stringify(words) ? null : amended;
}

function amendOne(
  words: ChangeWords,
  { cause, asked = [] }: SolveProblem,
  files: ReadonlySet<string>,
): ChangeWords | null {
  if (cause === undefined) return null;
  const layers = asked.filter(({ kind }) => kind === 'install');
  const older = layers.filter(({ request }) => !files.has(request) && wordOf(words, request) === null);
  const removing = asked.some(({ kind }) => kind === 'remove');
  // What was there before gives way to what is asked for now.
  if (older.length > 0) return { ...words, uninstall: withMore(words.uninstall, older.map(requestOf)) };
  switch (cause.kind) {
    case 'version':
      return cause.isRequest
        ? moved(words, layers)
        : cause.wanted.length === 0
          ? null
          : replacing(
              words,
              newestOfEach(cause.wanted).map((one) => ({ ...one, word: formatNevra(one) })),
            );
    case 'conflict':
      return { ...words, remove: withMore(words.remove, cause.base.map(nameOf)) };
    case 'needed':
      if (removing) return { ...words, remove: withMore(words.remove, cause.base.map(nameOf)) };
      // What needs the version that goes may be there in one that needs the new one.
      return words.replace.length === 0
        ? null
        : replacing(
            words,
            cause.base.map((one) => ({ ...one, word: one.name })),
          );
    case 'requests': {
      // The first that was named stays.
      const at = (job: AskedJob): number => words.install.indexOf(wordOf(words, job.request) ?? '');
      const others = [...layers].sort((a, b) => at(a) - at(b)).slice(1);
      return others.length === 0 ? null : without(words, others);
    }
    case 'missing':
      return null;
    default:
      return cause satisfies never;
  }
}

/** The items stand in for what the base has of them. */
function moved(words: ChangeWords, layers: readonly AskedJob[]): ChangeWords | null {
  const items = layers.flatMap(({ request }) => wordOf(words, request) ?? []);
  const rest = layers.length === 0 ? null : without(words, layers);
  return rest && { ...rest, replace: withMore(rest.replace, items) };
}

function without(words: ChangeWords, layers: readonly AskedJob[]): ChangeWords | null {
  const items = layers.map(({ request }) => wordOf(words, request));
  return items.includes(null)
    ? null
    : { ...words, install: words.install.filter((one) => !items.includes(one)) };
}

/** A package has one override. */
function replacing(
  words: ChangeWords,
  packages: readonly { readonly name: string; readonly word: string }[],
): ChangeWords {
  const fresh = packages.filter(
    ({ name }) => !words.replace.some((word) => word === name || isVersionOf(word, name)),
  );
  return {
    ...words,
    replace: withMore(
      words.replace,
      fresh.map(({ word }) => word),
    ),
  };
}

/** The word of the command that is this request; a package file's request is its path. */
function wordOf({ install }: ChangeWords, request: string): string | null {
  return (
    install.find((word) => {
      const [item] = parseRequest([word]);
      return word === request || (item?.kind === 'file' && path.resolve(item.path) === request);
    }) ?? null
  );
}

function newestOfEach(packages: readonly SackPackage[]): SackPackage[] {
  const newest = new Map<string, SackPackage>();
  for (const one of [...packages].sort(compareEvr)) newest.set(`${one.name}.${one.arch}`, one);
  return [...newest.values()];
}

function withMore(list: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...list, ...more])];
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function requestOf({ request }: AskedJob): string {
  return request;
}
