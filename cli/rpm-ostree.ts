/** `rpm-ostree` by name: its words and switches for the verbs that there are, and its exit codes. */
import type { CliContext } from '#cli/context.ts';
import { reportFailure } from '#cli/report-error.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Its verbs that are verbs of ours under another name. */
const RENAMED: Readonly<Record<string, readonly string[]>> = {
  'ex history': ['history'],
  'ex unpin': ['pin', '--unpin'],
};
/** Its verbs that are verbs of ostree. */
const OF_OSTREE: Readonly<Record<string, readonly string[]>> = {
  usroverlay: ['admin', 'unlock'],
};
/** Its verbs that nothing here does, and why. */
const NOT_SERVED: Readonly<Record<string, string>> = {
  cancel: 'there is no daemon that holds a transaction: Ctrl-C or SIGTERM ends a command',
  reload: 'there is no daemon: every command reads the configuration anew',
  'start-daemon': 'there is no daemon',
  compose: 'trees are composed elsewhere; this program layers packages on them',
  container: 'trees are OSTree commits here, not container images',
  'finalize-deployment': "deployments are not locked: 'yum-ostree-boot finalize-staged' does it at shutdown",
  cliwrap: "programs are not wrapped: 'yum-ostree install' is the way",
  'scriptlet-intercept': 'scripts run in a sandbox of their own',
  module: 'modularity is gone from rpm-ostree too',
  ex: 'of the experimental verbs only history is there',
  testutils: 'it is for the tests of rpm-ostree',
  internals: 'it is for rpm-ostree itself',
};
/** Switches that change nothing here: there is no daemon to talk to. */
const MEANINGLESS = ['--peer', '--bypass-driver', '--skip-purge', '--skip-branch-check'];
const NOT_HERE = ['--lock-finalization', '--jsonpath', '--driver', '--register-driver'];
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
  const absent = argv.filter((word) => NOT_HERE.includes(word.split('=')[0] ?? ''));
  if (absent.length > 0)
    throw new UserError('USAGE', `rpm-ostree ${verb}: there is no ${absent.join(', ')} here`);
  // `cleanup -r` is of the rollback deployment.
  const isReboot = (word: string): boolean => word === '--reboot' || (word === '-r' && verb !== 'cleanup');
  const isMeaningless = (word: string): boolean =>
    MEANINGLESS.includes(word) || (word === '--allow-replacement' && verb !== 'apply-live');
  const keep = (word: string): boolean => !isReboot(word) && !isMeaningless(word);
  const ours = (word: string): string =>
    word === '--stateroot' ? '--os' : word.replace(/^--stateroot=/, '--os=');
  const other = known(OF_OSTREE, verb);
  const spoken = other ?? known(RENAMED, whole) ?? (verb === '' ? [] : [verb]);
  const rest = argv.slice(at + (whole === verb ? 1 : 2));
  const options = [...argv.slice(0, at), ...rest].filter(keep).map(ours);
  return {
    program: other === undefined ? 'yum-ostree' : 'ostree',
    words: [...spoken, ...options],
    reboot: argv.some(isReboot),
  };
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
