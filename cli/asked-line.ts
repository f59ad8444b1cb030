/** A command line in parts, so that another one like it can be told. */
import type { Command, Option } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { CommandLine } from '#layering/problem-commands.ts';

const CHANGE_VERBS = ['install', 'uninstall', 'override'];
/** Options of which the words are told apart from the others, and one that means nothing to another process. */
const LEFT_OUT = ['install', 'uninstall', 'remove', 'replace', 'progressFd'];

/** What the verb `command` was called with. */
export function commandLineOf(command: Command, context: CliContext): CommandLine {
  const chain: Command[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) chain.unshift(one);
  const [program, verb] = chain;
  // A shell that a command is pasted into may not have the variable.
  const place = context.env['OSTREE_SYSROOT'];
  const isNamed = chain.some((one) => one.getOptionValueSource('sysroot') === 'cli');
  const sysroot = place === undefined || isNamed ? [] : [`--sysroot=${place}`];
  const optionsOf = (commands: readonly Command[]): string[] =>
    commands.flatMap(givenOptions).map(withoutSecrets);
  return {
    all: [...sysroot, ...(context.commandLine ?? []).map(withoutSecrets)],
    before: [...sysroot, ...optionsOf(program === undefined ? [] : [program])],
    options: optionsOf(chain.slice(1)),
    isChangeVerb: CHANGE_VERBS.includes(verb?.name() ?? ''),
  };
}

/** Of an address with a password. */
export function withoutSecrets(word: string): string {
  return word.replace(/:\/\/[^/@]*@/g, '://…@');
}

function givenOptions(command: Command): string[] {
  return command.options
    .filter((option) => {
      const name = option.attributeName();
      return command.getOptionValueSource(name) === 'cli' && !LEFT_OUT.includes(name);
    })
    .flatMap((option) => optionWords(option, command.getOptionValue(option.attributeName())));
}

function optionWords(option: Option, value: unknown): string[] {
  const name = option.long ?? option.short ?? '';
  if (typeof value === 'boolean') return value === option.negate ? [] : [option.short ?? name];
  // Seconds without end.
  if (value === Infinity) return [name];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one) => `${name}=${String(one)}`);
}
