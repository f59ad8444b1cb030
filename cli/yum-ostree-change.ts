/** Verbs that change what is layered: install, uninstall, override, upgrade. */
import { Option, type Command } from 'commander';
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
import type { ChangeOptions, ChangeWords } from '#layering/change.ts';

interface ChangeFlags extends GlobalOptions, RepositoryFlags {
  readonly dryRun?: boolean;
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
}

/** Exit code where nothing was to be done and that was asked to be told. */
const UNCHANGED = 77;
const NO_WORDS: ChangeWords = { install: [], uninstall: [], remove: [], replace: [], reset: [] };

export function addChangeVerbs(program: Command, context: CliContext, result: VerbResult): void {
  const run = async (words: Partial<ChangeWords>, command: Command, upgrade = false): Promise<void> => {
    const flags = optionsOf<ChangeFlags>(command);
    const all = { ...NO_WORDS, ...words };
    const install = [...all.install, ...(flags.install ?? [])];
    const uninstall = [...all.uninstall, ...(flags.uninstall ?? [])];
    const remove = [...all.remove, ...(flags.remove ?? [])];
    const replace = [...all.replace, ...(flags.replace ?? [])];
    const asked = { ...all, install, uninstall, remove, replace };
    result.exitCode = await change(asked, { flags, upgrade, context });
  };
  addChangeOptions(program.command('install'))
    .description('layer packages, groups (@id), files that packages have, package files')
    .argument('<item...>')
    .action(async (items: string[], _options: object, command: Command) => run({ install: items }, command));
  addChangeOptions(program.command('uninstall'))
    .alias('remove')
    .description('take layered items away, or leave packages of the base out')
    .argument('<item...>')
    .action(async (items: string[], _options: object, command: Command) =>
      run({ uninstall: items }, command),
    );
  addChangeOptions(program.command('upgrade'))
    .alias('update')
    .description("compose on the newest commit of the base's ref")
    .action(async (_options: object, command: Command) => run({}, command, true));
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

function addChangeOptions(command: Command): Command {
  return addRepositoryOptions(command)
    .option('-n, --dry-run', 'only print what would be done')
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
    .addOption(new Option('--freeze', 'as rpm-ostree has it: name a version instead').hideHelp());
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
  readonly flags: ChangeFlags;
  readonly upgrade: boolean;
  readonly context: CliContext;
}

async function change(words: ChangeWords, { flags, upgrade, context }: ChangeRun): Promise<number> {
  const { changeTree } = await import('#layering/change.ts');
  const { outcomeJson, outcomeText } = await import('#cli/change-text.ts');
  const { interruptible } = await import('#cli/interrupt.ts');
  const reporter = reporterOf(flags, context);
  return interruptible(async (signal) => {
    const options = changeOptions(words, { flags, upgrade, context }, { signal, reporter });
    const outcome = await changeTree(choiceOf(flags, context, reporter), options).finally(() =>
      reporter.finish(),
    );
    if (flags.json === true) context.out(`${JSON.stringify(outcomeJson(outcome), null, 2)}\n`);
    else if (flags.quiet !== true || outcome.kind === 'planned') context.out(outcomeText(outcome));
    if (outcome.kind === 'declined') return 1;
    return outcome.kind === 'unchanged' && flags.unchangedExit77 === true ? UNCHANGED : 0;
  });
}

function changeOptions(
  words: ChangeWords,
  { flags, upgrade, context }: ChangeRun,
  live: { readonly signal: AbortSignal; readonly reporter: Reporter },
): ChangeOptions {
  return {
    ...repositoryRequest(flags, { context, ...live }),
    words,
    upgrade,
    replaceFrom: repositoryNamed(flags.from),
    dryRun: flags.dryRun === true,
    downloadOnly: flags.downloadOnly === true,
    idempotent: flags.idempotent === true,
    allowInactive: flags.allowInactive === true,
    replaceFiles: flags.forceReplacefiles === true,
    weakDependencies: flags.weakDeps ?? null,
    toolVersion: VERSION,
    ...planQuestion(flags, context, live.reporter),
  };
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
