/** Verbs below a name, as `ostree`, `ostree admin` and `ostree remote` have them: their help, and what a wrong one leads to. */
import type { Command, Help } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { UserError } from '#ostree/format/errors.ts';

/**
 * Makes a command one that does nothing without a verb: then, or for an unknown one, the help goes to standard error, and
 * an error says which. `otherwise` may take the call without a verb for itself.
 */
export function verbGroup(
  group: Command,
  context: CliContext,
  otherwise: () => Promise<boolean> = () => Promise.resolve(false),
): Command {
  return group.allowExcessArguments().action(async () => {
    const [verb] = group.args;
    if (verb === undefined && (await otherwise())) return;
    context.err(`${group.helpInformation({ error: true })}\n`);
    throw wrongVerb(below(group), verb);
  });
}

/** ostree(1)'s words; `below` is the name of the group, '' for the program itself. */
function wrongVerb(below: string, verb: string | undefined): UserError {
  const kind = below === '' ? 'command' : `"${below}" subcommand`;
  const hint = `'ostree ${below === '' ? '' : `${below} `}--help' lists the commands`;
  return verb === undefined
    ? new UserError('UNKNOWN_VERB', `No ${kind} specified`, { hint })
    : new UserError('UNKNOWN_VERB', `Unknown ${kind} '${verb}'`, { hint });
}

/** The help in the form of ostree(1), which scripts and shells' completions read. */
export function formatHelp(command: Command, helper: Help): string {
  const verbs = helper.visibleCommands(command).filter((verb) => verb.name() !== 'help');
  const options = helper.visibleOptions(command);
  const name = below(command);
  return [
    `Usage:\n  ${usage(command, verbs.length > 0)}\n`,
    `${helper.commandDescription(command)}\n`,
    ...(verbs.length === 0
      ? []
      : [
          `Builtin ${name === '' ? '' : `"${name}" `}Commands:`,
          columns(verbs.map((verb) => [verb.name(), verb.description()])),
        ]),
    'Application Options:',
    columns(options.map((option) => [helper.optionTerm(option), helper.optionDescription(option)])),
  ].join('\n');
}

function usage(command: Command, isGroup: boolean): string {
  const words = command.registeredArguments.map((argument) => {
    const word = `${argument.name().toUpperCase()}${argument.variadic ? '...' : ''}`;
    return argument.required ? word : `[${word}]`;
  });
  return [fullName(command), '[OPTION…]', ...(isGroup && words.length === 0 ? ['COMMAND'] : words)].join(' ');
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** The name without the program's. */
function below(command: Command): string {
  return fullName(command).split(' ').slice(1).join(' ');
}

function columns(rows: readonly (readonly [term: string, text: string])[]): string {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.map(([term, text]) => `  ${term.padEnd(width)}  ${text}\n`).join('');
}
