/** The words of a change: the requests that they make, and other words where those cannot be met. */
import { UserError } from '#ostree/format/errors.ts';
import type { Change, ChangeOptions, ChangeWords } from '#layering/change.ts';
import { localRequests, replaceRequests } from '#layering/change-facts.ts';
import { solveChange, type Resolve, type SolvedChange } from '#layering/change-solve.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { asksForBaseTree, type LayerOrigin } from '#layering/layer-origin.ts';
import { isFileEntry, shownRequest } from '#layering/origin-entries.ts';
import { changeRequests, NO_CHANGE, type RequestChange } from '#layering/plan.ts';
import { commandFor } from '#layering/problem-commands.ts';
import type { SolveProblem } from '#layering/problems.ts';
import { isFileWord, parseRequest } from '#layering/request.ts';
import { resolvingWords, type Trial } from '#layering/resolve-problems.ts';

/** The requests after the command. @throws UserError that tells what is wrong with its files, and with all else too */
export async function requestedOrigin(
  change: Change,
): Promise<{ readonly requested: RequestChange; readonly origin: LayerOrigin }> {
  const problems = collectProblems();
  const whole = await problems.attemptAsync(() => requestChange(change));
  if (whole !== null) return { requested: whole, origin: changeRequests(change.start, whole, change.facts) };
  const { words } = change.options;
  const install = words.install.filter((word) => !isFileWord(word));
  const replace = words.replace.filter((word) => !isFileWord(word));
  if (![...words.install, ...words.replace].some(isFileWord)) problems.throwIfAny();
  await problems.attemptAsync(() =>
    solveWords(change, { ...change.options, words: { ...words, install, replace } }, () =>
      Promise.resolve(null),
    ),
  );
  problems.throwIfAny();
  throw new UserError('INTERNAL', 'a request failed without a reason');
}

/** The command that would meet the request after all; null where none is found. */
export async function resolvingCommand(
  change: Change,
  problems: readonly SolveProblem[],
): Promise<string | null> {
  const { line, words } = change.options;
  const files = new Set([...change.files.values()].map((rpm) => rpm.path));
  const attempt = (other: ChangeWords): Promise<Trial> => tryWords(change, other);
  const found = await resolvingWords(words, problems, { files, attempt });
  return found && commandFor(line, words, found);
}

/** What would come of other words. */
async function tryWords(change: Change, words: ChangeWords): Promise<Trial> {
  const options = { ...change.options, words, progress: () => undefined };
  let problems: readonly SolveProblem[] | null = null;
  try {
    const solved = await solveWords(change, options, (found) => {
      problems = found;
      return Promise.resolve(null);
    });
    if (solved !== null) refuseProvided(options, solved.requested, solved.result);
    return { kind: 'solved' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return problems === null ? { kind: 'refused' } : { kind: 'problems', problems };
  }
}

/** The change with other options, as far as the solve; null where the base itself is asked for. @throws UserError */
async function solveWords(
  change: Change,
  options: ChangeOptions,
  resolve: Resolve,
): Promise<{ readonly requested: RequestChange; readonly result: SolvedChange } | null> {
  const other = { ...change, options };
  const requested = await requestChange(other);
  const origin = changeRequests(change.start, requested, change.facts);
  if (asksForBaseTree(origin)) return null;
  const solved = await solveChange(other, origin);
  return { requested, result: await solved.solve(resolve) };
}

async function requestChange(change: Change): Promise<RequestChange> {
  const { words, weakDependencies, idempotent, replaceFiles, initramfs } = change.options;
  const install = parseRequest(words.install);
  return {
    ...NO_CHANGE,
    install,
    uninstall: parseRequest(words.uninstall),
    remove: words.remove,
    replace: await replaceRequests(change, parseRequest(words.replace)),
    reset: words.reset,
    localPackages: await localRequests(change, install),
    weakDependencies,
    idempotent,
    replaceFiles,
    initramfs,
  };
}

/** What was just asked for and the base has already would change nothing: that is an error, unless it is agreed to. */
export function refuseProvided(options: ChangeOptions, requested: RequestChange, result: SolvedChange): void {
  if (options.allowInactive || options.idempotent) return;
  const asked = new Set([
    ...requested.install.flatMap((item) => (item.kind === 'spec' ? [item.spec] : [])),
    ...requested.localPackages.map(({ entry }) => entry),
  ]);
  const provided = result.provided.filter(({ spec }) => asked.has(spec));
  if (provided.length === 0) return;
  const list = provided.map(({ spec, by }) =>
    isFileEntry(spec) ? shownRequest(spec) : by === spec ? spec : `${spec} (by ${by})`,
  );
  throw new UserError('ALREADY_PROVIDED', `the base provides already: ${list.join(', ')}`, {
    hint: '--allow-inactive records the request, in case a later base no longer does',
  });
}
