/** Verbs that change what is layered: install, uninstall, override. */
import { Option, type Command } from 'commander';
import { commandLineOf, withoutSecrets } from '#cli/asked-line.ts';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import type { Reporter } from '#cli/report.ts';
import {
  addRepositoryOptions,
  collected,
  optionsOf,
  questioner,
  repositoryRequest,
  reporterOf,
  type GlobalOptions,
  type RepositoryFlags,
} from '#cli/yum-ostree-options.ts';
import { choiceOf } from '#cli/yum-ostree-system.ts';
import { VERSION } from '#ostree/format/version.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { BaseChoice } from '#layering/base-choice.ts';
import type { ChangeOptions, ChangeOutcome, ChangeWords } from '#layering/change.ts';
import type { InitramfsChange } from '#layering/initramfs-request.ts';
import { shellWords } from '#layering/shell-word.ts';

interface ChangeFlags extends GlobalOptions, RepositoryFlags {
  readonly dryRun?: boolean;
  readonly applyLive?: boolean;
  readonly downloadOnly?: boolean;
  readonly idempotent?: boolean;
  readonly unchangedExit77?: boolean;
  readonly allowInactive?: boolean;
  readonly forceReplacefiles?: boolean;
  readonly weakDeps?: boolean;
  readonly install?: string[];
  readonly uninstall?: string[];
  readonly all?: boolean;
  readonly remove?: string[];
  readonly replace?: string[];
  readonly from?: string;
  readonly freeze?: boolean;
}

/** Exit code where nothing was to be done and that was asked to be told. */
export const UNCHANGED = 77;
const NO_WORDS: ChangeWords = { install: [], uninstall: [], remove: [], replace: [], reset: [], clear: [] };

export function addChangeVerbs(program: Command, context: CliContext, result: VerbResult): void {
  const run = async (words: Partial<ChangeWords>, command: Command): Promise<void> => {
    result.exitCode = await runChange(words, { command, context });
  };
  addChangeOptions(program.command('install'))
    .description('layer packages, groups (@id), files that packages have, package files')
    .argument('<item...>')
    .action(async (items: string[], _options: object, command: Command) => run({ install: items }, command));
  addChangeOptions(program.command('uninstall'))
    .alias('remove')
    .description('take layered items away, or leave packages of the base out')
    .argument('[item...]')
    .option('-a, --all', 'all that is layered')
    .action(async (items: string[], _options: object, command: Command) => {
      const all = optionsOf<ChangeFlags>(command).all === true;
      if (!all && items.length === 0)
        throw new UserError('USAGE', 'uninstall: name items, or --all', {
          hint: "'yum-ostree status' lists what is layered",
        });
      return run({ uninstall: items, clear: all ? ['layers'] : [] }, command);
    });
  const override = program.command('override').description('leave packages of the base out, or replace them');
  addFrom(addChangeOptions(override.command('replace')))
    .description('let other versions stand in for packages of the base')
    .argument('<item...>', 'package files, addresses, or packages of repositories')
    .option('--remove <PACKAGE>', 'also leave this out', collected)
    .action(async (items: string[], _options: object, command: Command) => run({ replace: items }, command));
  addFrom(addChangeOptions(override.command('remove')))
    .description('leave packages of the base out')
    .argument('<package...>')
    .option('--replace <ITEM>', 'also let this stand in for a package of the base', collected)
    .action(async (names: string[], _options: object, command: Command) => run({ remove: names }, command));
  addChangeOptions(override.command('reset'))
    .description('take removals and replacements back')
    .argument('[package...]')
    .option('-a, --all', 'all of them')
    .action(async (names: string[], _options: object, command: Command) =>
      run({ reset: resetNames(names, optionsOf<ChangeFlags>(command)) }, command),
    );
}

export function addChangeOptions(command: Command): Command {
  return addRepositoryOptions(command)
    .option('-n, --dry-run', 'only print what would be done')
    .option('-A, --apply-live', 'bring the new tree into the system that runs, too (additions only)')
    .option('--download-only', 'only bring the packages into the store')
    .option('--idempotent', 'what was asked for before is no error')
    .option('--unchanged-exit-77', 'exit with 77 where nothing changes')
    .option('--allow-inactive', 'record requests that the base satisfies already')
    .option('--force-replacefiles', "let the new packages' files replace those of others")
    .option('--weak-deps', 'install weak dependencies (as by default, and undoes the next)')
    .option('--no-weak-deps', 'leave weak dependencies out, also in later changes')
    .option('--install <ITEM>', 'also install this', collected)
    .option('--uninstall <ITEM>', 'also uninstall this', collected);
}

function resetNames(names: readonly string[], flags: ChangeFlags): readonly string[] | null {
  if (flags.all === true) return null;
  if (names.length === 0)
    throw new UserError('USAGE', 'override reset: name packages, or --all', {
      hint: "'yum-ostree status' lists the overrides",
    });
  return names;
}

function addFrom(command: Command): Command {
  return command
    .option('--from <repo=ID>', 'look packages up in this repository only')
    .addOption(new Option('--experimental', 'as rpm-ostree has it; not needed').hideHelp())
    .option('--freeze', 'stay with the versions that are there now');
}

/** @throws UserError USAGE */
function repositoryNamed(from: string | undefined): string | null {
  if (from === undefined) return null;
  const id = from.startsWith('repo=') ? from.slice('repo='.length) : '';
  if (id === '' || /[,;\s]/.test(id))
    throw new UserError('USAGE', `--from ${from}: it is repo=ID, of a repository file`);
  return id;
}

interface ChangeRun {
  readonly command: Command;
  readonly flags: ChangeFlags;
  readonly base: BaseChoice;
  readonly initramfs: InitramfsChange | null;
  readonly onOutcome: ((outcome: ChangeOutcome) => void) | null;
  readonly context: CliContext;
}

/**
 * Changes the tree as the words of a verb and its options say. @returns the exit code: 0, 1 where it was declined, 77
 * where nothing changes and that was asked for
 */
export async function runChange(
  words: Partial<ChangeWords>,
  verb: {
    readonly command: Command;
    readonly context: CliContext;
    readonly base?: BaseChoice;
    readonly initramfs?: InitramfsChange;
    /** Told of what came of it, before that is printed; it may throw. */
    readonly onOutcome?: (outcome: ChangeOutcome) => void;
  },
): Promise<number> {
  const flags = optionsOf<ChangeFlags>(verb.command);
  const all = { ...NO_WORDS, ...words };
  const asked = {
    ...all,
    install: [...all.install, ...(flags.install ?? [])],
    uninstall: [...all.uninstall, ...(flags.uninstall ?? [])],
    remove: [...all.remove, ...(flags.remove ?? [])],
    replace: [...all.replace, ...(flags.replace ?? [])],
  };
  const { base = { kind: 'present' }, initramfs = null, onOutcome = null, context } = verb;
  return change(asked, { command: verb.command, flags, base, initramfs, onOutcome, context });
}

async function change(words: ChangeWords, run: ChangeRun): Promise<number> {
  const { flags, context } = run;
  const { changeTree } = await import('#layering/change.ts');
  const { outcomeJson, outcomeText } = await import('#cli/change-text.ts');
  const { interruptible } = await import('#cli/interrupt.ts');
  const reporter = reporterOf(flags, context);
  const live = await livePart(flags, context);
  const exitCode = await interruptible(async (signal) => {
    const options = changeOptions(words, run, { signal, reporter });
    const outcome = await changeTree(choiceOf(flags, context, reporter), options).finally(() =>
      reporter.finish(),
    );
    run.onOutcome?.(outcome);
    if (outcome.kind === 'deployed' && live !== null) live.isWanted = true;
    if (flags.json === true) context.out(`${JSON.stringify(outcomeJson(outcome), null, 2)}\n`);
    else if (flags.quiet !== true || outcome.kind === 'planned') context.out(outcomeText(outcome));
    if (outcome.kind === 'declined') return 1;
    const isSame = outcome.kind === 'unchanged' || outcome.kind === 'failed-before';
    return isSame && flags.unchangedExit77 === true ? UNCHANGED : 0;
  });
  return exitCode === 0 && live?.isWanted === true ? live.run() : exitCode;
}

/**
 * What `--apply-live` does afterwards; null without it. It takes hold of the machine's mount namespace, before this
 * process goes into one of its own.
 */
async function livePart(
  flags: ChangeFlags,
  context: CliContext,
): Promise<{ isWanted: boolean; readonly run: () => Promise<number> } | null> {
  if (flags.applyLive !== true) return null;
  if (flags.json === true)
    throw new UserError('USAGE', '--apply-live and --json do not go together', {
      hint: "'yum-ostree apply-live --json' after the change says what it did",
    });
  const { applyLiveLater } = await import('#cli/yum-ostree-live.ts');
  return { isWanted: false, run: await applyLiveLater(flags, context) };
}

function changeOptions(
  words: ChangeWords,
  { command, flags, base, initramfs, context }: ChangeRun,
  live: { readonly signal: AbortSignal; readonly reporter: Reporter },
): ChangeOptions {
  return {
    ...repositoryRequest(flags, { context, ...live }),
    words,
    base,
    part: flags.dryRun === true ? 'plan' : 'tree',
    pull: flags.cacheOnly === true ? null : puller(context, live.reporter),
    replaceFrom: repositoryNamed(flags.from),
    replaceFrozen: flags.freeze === true,
    dryRun: flags.dryRun === true,
    downloadOnly: flags.downloadOnly === true,
    idempotent: flags.idempotent === true,
    allowInactive: flags.allowInactive === true,
    replaceFiles: flags.forceReplacefiles === true,
    initramfs,
    weakDependencies: flags.weakDeps ?? null,
    toolVersion: VERSION,
    asked: {
      command: shellWords((context.commandLine ?? []).map(withoutSecrets)),
      user: context.env['SUDO_USER'] ?? context.env['USER'] ?? String(process.getuid?.() ?? ''),
    },
    line: commandLineOf(command, context),
    ...planQuestion(flags, context, live.reporter),
  };
}

/** Brings what a base follows from its remote; what C ostree would print is told as progress. */
export function puller(
  context: CliContext,
  { progress }: Pick<Reporter, 'progress'>,
): NonNullable<ChangeOptions['pull']> {
  return async ({ sysroot }, { part, ...what }) => {
    const { pullFollowed } = await import('#cli/ostree-admin-pull.ts');
    const { PLANNED_PATHS } = await import('#layering/base-content.ts');
    progress({
      kind: 'stage',
      stage: 'download',
      text: `Fetching ${what.refspec.remote ?? ''}:${what.refspec.ref}`,
    });
    const out = (text: string): void => progress({ kind: 'note', text: text.trim() });
    const parts = { commitsOnly: part === 'commit', subpaths: part === 'plan' ? PLANNED_PATHS : [] };
    const pulled = pullFollowed(sysroot, { ...what, ...parts, notBefore: null }, { ...context, out });
    await pulled.catch((error: unknown) => {
      throw remoteError(what.refspec.remote ?? '', error);
    });
  };
}

/** A remote that cannot be had, by its name; `ostree pull` speaks of addresses, and of repositories that one makes. */
function remoteError(remote: string, cause: unknown): unknown {
  if (!(cause instanceof UserError) || !['NO_REPO', 'FETCH_FAILED'].includes(cause.code)) return cause;
  return new UserError('FETCH_FAILED', `remote ${remote}: ${cause.message}`, {
    hint: `'ostree remote show-url ${remote}' says where it is; with -C what is here is used`,
    cause,
  });
}

/** A large removal is asked about on a terminal; `-y` answers. */
function planQuestion(
  flags: ChangeFlags,
  context: CliContext,
  reporter: Reporter,
): Pick<ChangeOptions, 'confirm'> {
  const ask = questioner(flags, context, reporter);
  if (ask === null) return {};
  const confirm: NonNullable<ChangeOptions['confirm']> = async (plan) => {
    const { isLargeRemoval, planText } = await import('#cli/change-text.ts');
    if (flags.yes === true || !isLargeRemoval(plan)) return true;
    context.err(planText(plan));
    return ask('Remove these packages?');
  };
  return { confirm };
}
