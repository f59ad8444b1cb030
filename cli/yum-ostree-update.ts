/** `upgrade --check`, `--preview` and `--trigger-automatic-update-policy`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { puller, runChange, UNCHANGED } from '#cli/yum-ostree-change.ts';
import {
  optionsOf,
  repositoryRequest,
  reporterOf,
  type GlobalOptions,
  type RepositoryFlags,
} from '#cli/yum-ostree-options.ts';
import { choiceOf, printJson } from '#cli/yum-ostree-system.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import type { ChangeOutcome } from '#layering/change.ts';
import type { UpdatePolicy } from '#layering/update-policy.ts';
import type { AvailableUpdate, UpdateState } from '#layering/update-state.ts';

interface Verb {
  readonly command: Command;
  readonly context: CliContext;
}

type CheckFlags = GlobalOptions & RepositoryFlags & { readonly preview?: boolean };

interface ItemFlags {
  readonly install?: readonly string[];
  readonly uninstall?: readonly string[];
}

/** @returns 0, or 77 where there is no update */
export async function runCheck({ command, context }: Verb): Promise<number> {
  const flags = optionsOf<CheckFlags & ItemFlags>(command);
  if (flags.install !== undefined || flags.uninstall !== undefined)
    throw new UserError(
      'USAGE',
      'upgrade: --check and --preview only look: --install and --uninstall do not go with them',
      {
        hint: "'upgrade --dry-run' shows what would be done",
      },
    );
  const { updateJson, updateText } = await import('#cli/update-text.ts');
  return lookForUpdate({ flags, context, policy: null }, (update) => {
    const result = update === null ? 'unchanged' : 'available';
    if (flags.json === true) printJson(context, { result, 'cached-update': updateJson(update) });
    else if (update === null) context.out('No updates available.\n');
    else context.out(updateText(update, { verbose: flags.preview === true || flags.verbose === true }));
    return update === null ? UNCHANGED : 0;
  });
}

/** Does what the configured policy says. @returns 0, also where there is nothing to do */
export async function runPolicy({ command, context }: Verb): Promise<number> {
  const flags = optionsOf<CheckFlags>(command);
  const { readPolicy } = await import('#layering/update-status.ts');
  const { withSystemUnchanged } = await import('#layering/system.ts');
  const reporter = reporterOf(flags, context);
  const { policy, place } = await withSystemUnchanged(choiceOf(flags, context, reporter), (system) =>
    Promise.resolve({
      policy: readPolicy(system.mergePath).policy,
      place: system.historyPath,
    }),
  );
  if (policy === 'none') {
    if (flags.quiet !== true) context.out('Automatic updates are off.\n');
    return 0;
  }
  return recorded({ place, policy, now: context.sys.now() }, async () => {
    if (policy === 'check') return { exitCode: await lookForUpdate({ flags, context, policy }, () => 0) };
    command.setOptionValue('unchangedExit77', true);
    const base = { kind: 'newest', allowDowngrade: false, retryFailed: false } as const;
    const exitCode = await runChange({}, { command, context, base, onOutcome: refuseFailedBefore });
    return exitCode === UNCHANGED
      ? { exitCode: 0, result: 'none' }
      : { exitCode, result: exitCode === 0 ? 'staged' : 'failed' };
  });
}

/** By hand it is no error not to get what has failed; a machine left alone that cannot be updated has to be told of. */
function refuseFailedBefore(outcome: ChangeOutcome): void {
  if (outcome.kind !== 'failed-before') return;
  throw new UserError(
    'FAILED_BEFORE',
    `${outcome.base}, or a tree on it, has failed to boot here, and is not deployed again by itself`,
    { hint: "'yum-ostree upgrade --retry-failed' tries it once more" },
  );
}

interface Run {
  readonly exitCode: number;
  /** Not there where the run has told it itself. */
  readonly result?: UpdateState['result'];
}

/** What came of a run is kept for `status`, also where it failed. @returns the exit code */
async function recorded(
  run: { readonly place: string; readonly policy: UpdatePolicy; readonly now: number },
  action: () => Promise<Run>,
): Promise<number> {
  const { readUpdateState, writeUpdateState } = await import('#layering/update-state.ts');
  const state = { time: Math.floor(run.now), policy: run.policy, error: null, update: null };
  try {
    const { exitCode, result } = await action();
    if (result !== undefined) writeUpdateState(run.place, { ...state, result });
    return exitCode;
  } catch (error) {
    // What was found before is still to be had.
    const update = readUpdateState(run.place)?.update ?? null;
    writeUpdateState(run.place, { ...state, result: 'failed', error: messageOf(error), update });
    throw error;
  }
}

async function lookForUpdate(
  look: { readonly flags: CheckFlags; readonly context: CliContext; readonly policy: UpdatePolicy | null },
  tell: (update: AvailableUpdate | null) => number,
): Promise<number> {
  const { flags, context, policy } = look;
  const { checkForUpdate } = await import('#layering/update-check.ts');
  const { interruptible } = await import('#cli/interrupt.ts');
  const reporter = reporterOf(flags, context);
  return interruptible(async (signal) => {
    const request = repositoryRequest(flags, { context, reporter, signal });
    const pull = flags.cacheOnly === true ? null : puller(context, reporter);
    const choice = choiceOf(flags, context, reporter);
    const found = await checkForUpdate(choice, { ...request, pull }, policy).finally(() => reporter.finish());
    return tell(found);
  });
}
