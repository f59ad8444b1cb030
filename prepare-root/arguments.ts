import { UserError } from '#ostree/format/errors.ts';

export const USAGE = 'usage: ostree-prepare-root SYSROOT [KERNEL_CMDLINE]';

export interface Arguments {
  /** '/' where this program is the init of a machine without initramfs. */
  readonly sysroot: string;
  /** null: `/proc/cmdline`. */
  readonly cmdline: string | null;
  /** Instead of the initramfs' own; null: those. */
  readonly configFiles: readonly string[] | null;
  readonly printPlan: boolean;
}

/**
 * @param isInit the kernel started this program as process 1, with whatever words of its command line it did not know
 * @throws UserError USAGE
 */
export function parseArguments(argv: readonly string[], isInit: boolean): Arguments {
  if (isInit && argv[0]?.startsWith('/') !== true)
    return { sysroot: '/', cmdline: null, configFiles: null, printPlan: false };
  const given: Record<'--sysroot' | '--cmdline', string | null> = { '--sysroot': null, '--cmdline': null };
  const configFiles: string[] = [];
  const operands: string[] = [];
  let printPlan = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--print-plan') printPlan = true;
    else if (word === '--config') configFiles.push(valueOf(argv, ++i));
    else if (word === '--sysroot' || word === '--cmdline') given[word] = valueOf(argv, ++i);
    else if (word.startsWith('--')) throw wrongUsage(`unknown option '${word}'`);
    else operands.push(word);
  }
  const sysroot = given['--sysroot'] ?? operands.shift();
  const cmdline = given['--cmdline'] ?? operands.shift() ?? null;
  if (sysroot === undefined) throw wrongUsage('no SYSROOT');
  if (operands.length > 0) throw wrongUsage(`too many arguments: '${operands.join(' ')}'`);
  return { sysroot, cmdline, configFiles: configFiles.length === 0 ? null : configFiles, printPlan };
}

function valueOf(argv: readonly string[], at: number): string {
  const value = argv[at];
  if (value === undefined) throw wrongUsage(`'${argv[at - 1] ?? ''}' needs a value`);
  return value;
}

function wrongUsage(why: string): UserError {
  return new UserError('USAGE', `${why}; ${USAGE}`);
}
