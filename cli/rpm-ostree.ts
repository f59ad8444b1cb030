/** `rpm-ostree` by name: its words and switches for the verbs that there are, and its exit codes. */
import type { CliContext } from '#cli/context.ts';
import { reportFailure } from '#cli/report-error.ts';
import {
  NOT_SERVED,
  OF_ALL,
  OF_OSTREE,
  OF_VERB,
  OTHER_R,
  RENAMED,
  type TheirSwitches,
} from '#cli/rpm-ostree-words.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Options with a value that may stand before the verb. */
const WITH_VALUE = ['--sysroot', '--os', '--stateroot'];

/** The command line in the words of one of our programs, and whether to reboot afterwards. */
export interface Translated {
  readonly program: 'yum-ostree' | 'ostree';
  readonly words: readonly string[];
  readonly reboot: boolean;
}

/** @returns 0, 1 for every error (also wrong usage), 77 for unchanged where that was asked for */
export async function runRpmOstree(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    const { program, words, reboot } = translated(argv);
    const before = reboot ? deploymentsMark(context) : '';
    const exitCode = await run(program, words, context);
    if (exitCode === 0 && reboot && deploymentsMark(context) !== before)
      (await import('#cli/reboot.ts')).rebootNow();
    return exitCode === 2 ? 1 : exitCode;
  } catch (error) {
    const { text, exitCode } = reportFailure(error, { debug: argv.includes('--debug') });
    if (exitCode !== 2) throw error;
    context.err(text);
    return 1;
  }
}

/** Differs where the list of deployments does: what changes nothing (unchanged, a dry run, a look) is no reason to reboot. */
function deploymentsMark({ sys }: CliContext): string {
  return ['/ostree/deploy', '/run/ostree/staged-deployment']
    .map((path) => sys.stat(AT_FDCWD, path))
    .map((stat) => (stat === null ? '' : `${stat.ino} ${stat.mtime} ${stat.mtimeNsec}`))
    .join('; ');
}

async function run(
  program: Translated['program'],
  words: readonly string[],
  context: CliContext,
): Promise<number> {
  if (program === 'ostree') return (await import('#cli/ostree.ts')).runOstree(words, context);
  return (await import('#cli/yum-ostree.ts')).runYumOstree(words, context);
}

/** Pure. @throws UserError USAGE for what there is not */
export function translated(argv: readonly string[]): Translated {
  const at = verbPosition(argv);
  const verb = argv[at] ?? '';
  const whole = verb === 'ex' ? `ex ${argv[at + 1] ?? ''}` : verb;
  const reason = known(RENAMED, whole) === undefined ? known(NOT_SERVED, verb) : undefined;
  if (reason !== undefined)
    throw new UserError('USAGE', `rpm-ostree ${verb} is not done by this program`, { hint: reason });
  const other = known(OF_OSTREE, verb);
  const spoken = other ?? known(RENAMED, whole) ?? (verb === '' ? [] : [verb]);
  const [ours = ''] = spoken;
  const rest = argv.slice(at + (whole === verb ? 1 : 2));
  const below = `${ours} ${rest.find((word) => !word.startsWith('-')) ?? ''}`;
  const switches = known(OF_VERB, below) ?? known(OF_VERB, ours) ?? {};
  const words = [...argv.slice(0, at), ...rest].flatMap((word) => apart(word, switches));
  refuseAbsent(verb, words, switches);
  const isReboot = (word: string): boolean =>
    word === '--reboot' || (word === '-r' && !OTHER_R.includes(ours));
  const isIgnored = (word: string): boolean =>
    [OF_ALL, switches].some(({ ignored = [] }) => ignored.includes(word)) ||
    (word === '--allow-replacement' && verb !== 'apply-live');
  const options = words.filter((word) => !isReboot(word) && !isIgnored(word));
  if (verb === 'cleanup') refuseNoCleanup(options);
  return {
    program: other === undefined ? 'yum-ostree' : 'ostree',
    words: [...spoken, ...options.map((word) => renamed(word, switches))],
    reboot: words.some(isReboot),
  };
}

/** `-rC` is `-r -C`; after the letter of one that takes a value comes the value. */
function apart(word: string, { valued = '' }: TheirSwitches): string[] {
  if (!/^-[A-Za-z]{2}/.test(word)) return [word];
  const letters = [...word.slice(1)];
  const end = letters.findIndex((letter) => valued.includes(letter));
  const alone = end < 0 ? letters : letters.slice(0, end);
  return [...alone.map((letter) => `-${letter}`), ...(end < 0 ? [] : [`-${letters.slice(end).join('')}`])];
}

function renamed(word: string, { renamed: names = {} }: TheirSwitches): string {
  const [name = '', ...value] = word.split('=');
  const other = name === '--stateroot' ? '--os' : known(names, name);
  return other === undefined ? word : [other, ...value].join('=');
}

/** @throws UserError USAGE with the reasons */
function refuseAbsent(verb: string, words: readonly string[], switches: TheirSwitches): void {
  const reasons = { ...OF_ALL.absent, ...switches.absent };
  const nameOf = (word: string): string => {
    const name = /^-[A-Za-z]/.test(word) ? word.slice(0, 2) : (word.split('=')[0] ?? '');
    return renamed(name, switches);
  };
  const absent = words.filter((word) => known(reasons, nameOf(word)) !== undefined);
  if (absent.length === 0) return;
  const hints = new Set(absent.flatMap((word) => known(reasons, nameOf(word)) ?? []));
  throw new UserError('USAGE', `rpm-ostree ${verb}: there is no ${absent.join(', ')} here`, {
    hint: [...hints].join('\n'),
  });
}

/** Ours without an option does what `-b` asks for. */
function refuseNoCleanup(options: readonly string[]): void {
  const kinds = ['-b', '--base', '-p', '--pending', '-r', '--rollback', '-m', '--repomd', '-h', '--help'];
  if (!options.some((word) => kinds.includes(word)))
    throw new UserError('USAGE', 'rpm-ostree cleanup: at least one of -b, -p, -r and -m has to be given');
}

/** Of the first word that is no option and no value of one; the end where there is none. */
function verbPosition(argv: readonly string[]): number {
  const at = argv.findIndex(
    (word, index) => !word.startsWith('-') && !WITH_VALUE.includes(argv[index - 1] ?? ''),
  );
  return at < 0 ? argv.length : at;
}

function known<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
