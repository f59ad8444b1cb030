import { Command, CommanderError } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addBaseVerbs } from '#cli/yum-ostree-base.ts';
import { addChangeVerbs } from '#cli/yum-ostree-change.ts';
import { addDebugVerbs } from '#cli/yum-ostree-debug.ts';
import { addFsckBootVerb } from '#cli/yum-ostree-fsck-boot.ts';
import { addHistoryVerbs } from '#cli/yum-ostree-history.ts';
import { addInitramfsVerbs } from '#cli/yum-ostree-initramfs.ts';
import { addKargsVerbs } from '#cli/yum-ostree-kargs.ts';
import { addMarkGoodVerb } from '#cli/yum-ostree-mark-good.ts';
import { addQueryVerbs } from '#cli/yum-ostree-query.ts';
import { addGlobalOptions, withWaitValues } from '#cli/yum-ostree-options.ts';
import { addRunningVerbs } from '#cli/yum-ostree-running.ts';
import { addSystemVerbs } from '#cli/yum-ostree-system.ts';
import { UserError } from '#ostree/format/errors.ts';
import { VERSION } from '#ostree/format/version.ts';

/** What a verb leaves for the program: its exit code. */
export interface VerbResult {
  exitCode: number;
}

/** The client. @returns the exit code: 0 done, 2 wrong usage, 77 nothing to do (where asked for); errors are thrown */
export async function runYumOstree(argv: readonly string[], context: CliContext): Promise<number> {
  const result: VerbResult = { exitCode: 0 };
  const program = yumOstreeProgram(argv, { ...context, commandLine: argv }, result);
  try {
    await program.parseAsync(withWaitValues(argv), { from: 'user' });
    return result.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

/**
 * The verbs, by what adds them. Making all for every command takes as long as some verbs do: only those are made that may
 * be meant.
 */
const VERBS: readonly {
  readonly names: readonly string[];
  readonly add: (program: Command, context: CliContext, result: VerbResult) => void;
}[] = [
  { names: ['install', 'uninstall', 'remove', 'override'], add: addChangeVerbs },
  { names: ['upgrade', 'update', 'switch', 'rebase', 'deploy', 'reset'], add: addBaseVerbs },
  { names: ['history', 'undo'], add: addHistoryVerbs },
  { names: ['status', 'rollback', 'cleanup'], add: addSystemVerbs },
  { names: ['kargs', 'pin'], add: addKargsVerbs },
  { names: ['search', 'info', 'group', 'refresh-md', 'db'], add: addQueryVerbs },
  {
    names: ['ps', 'audit', 'apply-live', 'restart-services', 'unlocked', 'mask', 'unmask'],
    add: addRunningVerbs,
  },
  { names: ['initramfs', 'initramfs-etc'], add: addInitramfsVerbs },
  { names: ['fsck-boot'], add: addFsckBootVerb },
  { names: ['mark-good'], add: addMarkGoodVerb },
  { names: ['debug'], add: addDebugVerbs },
];

/** The program with the commands that `argv` may mean, or with all. */
export function yumOstreeProgram(argv: readonly string[], context: CliContext, result: VerbResult): Command {
  const program = new Command('yum-ostree')
    .description('layers RPM packages on OSTree systems')
    .version(`yum-ostree ${VERSION}`)
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.out(text), writeErr: (text) => context.err(text) })
    .showSuggestionAfterError();
  const meant = VERBS.filter(({ names }) => names.some((name) => argv.includes(name)));
  // Nobody's name: the list of all commands is asked for, or an unknown one is to be compared with it.
  const wantsAll = meant.length === 0 || ['help', '-h', '--help'].some((word) => argv.includes(word));
  for (const { add } of wantsAll ? VERBS : meant) add(program, context, result);
  for (const command of allCommands(program)) if (mayBeMeant(command, argv)) addGlobalOptions(command);
  program.on('command:*', (operands: string[]) => {
    throw new UserError('USAGE', `Unknown command '${operands[0] ?? ''}'`, {
      hint: "'yum-ostree --help' lists the commands",
    });
  });
  return program;
}

function mayBeMeant(command: Command, argv: readonly string[]): boolean {
  return (
    command.parent === null || [command.name(), ...command.aliases()].some((name) => argv.includes(name))
  );
}

/** The program itself and every command below it: global options may stand before or after the verb. */
function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
