/** The command line of `yum-ostree-boot`. */
import { UserError } from '#ostree/format/errors.ts';

/** Options that take a value, and may be given several times, and those that take none. */
export interface VerbOptions {
  readonly values: readonly string[];
  readonly flags: readonly string[];
  /** How many words may stand beside the options. */
  readonly operands: number;
}

export interface VerbArguments {
  /** Of `--sysroot`; null where it was not given. */
  readonly sysroot: string | null;
  /** `--NAME` → its values, in their order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly flags: ReadonlySet<string>;
  readonly operands: readonly string[];
}

/** `--name VALUE` and `--name=VALUE` are the same; what follows `--` is no option. @throws UserError USAGE */
export function parseVerbArguments(words: readonly string[], known: VerbOptions): VerbArguments {
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  const operands: string[] = [];
  const takesValue = [...known.values, '--sysroot'];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (word === '--') {
      operands.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') operands.push(word);
    else if (takesValue.includes(name)) {
      const value = equals < 0 ? words[++i] : word.slice(equals + 1);
      if (value === undefined) throw new UserError('USAGE', `${name} needs a value`);
      values.set(name, [...(values.get(name) ?? []), value]);
    } else if (known.flags.includes(word)) flags.add(word);
    else throw new UserError('USAGE', `unknown option '${word}'`);
  }
  if (operands.length > known.operands)
    throw new UserError('USAGE', `unexpected argument '${operands[known.operands] ?? ''}'`);
  return { sysroot: values.get('--sysroot')?.at(-1) ?? null, values, flags, operands };
}
