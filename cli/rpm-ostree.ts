/** `rpm-ostree` by name: its words and switches for the verbs that there are, and its exit codes. */
import type { CliContext } from '#cli/context.ts';
import { reportFailure } from '#cli/report-error.ts';
import { runYumOstree } from '#cli/yum-ostree.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Its verbs that are done here otherwise, and by what. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  usroverlay: 'ostree admin unlock',
  kargs: 'ostree admin kargs',
  'finalize-deployment': 'ostree admin finalize-staged',
  cliwrap: 'yum-ostree install',
};
/** Switches that change nothing here: there is no daemon to talk to. */
const MEANINGLESS = ['--peer', '--bypass-driver', '--skip-purge', '--skip-branch-check'];
const NOT_HERE = ['--lock-finalization', '--jsonpath', '--driver', '--trigger-automatic-update-policy'];

/** @returns 0, 1 for every error (also wrong usage), 77 for unchanged where that was asked for */
export async function runRpmOstree(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    const { words, reboot } = translated(argv);
    const exitCode = await runYumOstree(words, context);
    if (exitCode === 0 && reboot) (await import('#cli/reboot.ts')).rebootNow();
    return exitCode === 2 ? 1 : exitCode;
  } catch (error) {
    const { text, exitCode } = reportFailure(error, { debug: argv.includes('--debug') });
    if (exitCode !== 2) throw error;
    context.err(text);
    return 1;
  }
}

/** The command line in our words. Pure. @throws UserError USAGE for what there is not */
export function translated(argv: readonly string[]): {
  readonly words: readonly string[];
  readonly reboot: boolean;
} {
  const verb = argv.find((word) => !word.startsWith('-')) ?? '';
  const other = Object.hasOwn(ELSEWHERE, verb) ? ELSEWHERE[verb] : undefined;
  if (other !== undefined)
    throw new UserError('USAGE', `rpm-ostree ${verb} is not done by this program`, {
      hint: `'${other}' does it`,
    });
  const absent = argv.filter((word) => NOT_HERE.includes(word.split('=')[0] ?? ''));
  if (absent.length > 0)
    throw new UserError('USAGE', `rpm-ostree ${verb}: there is no ${absent.join(', ')} here`);
  // `cleanup -r` is of the rollback deployment.
  const isReboot = (word: string): boolean => word === '--reboot' || (word === '-r' && verb !== 'cleanup');
  const isMeaningless = (word: string): boolean =>
    MEANINGLESS.includes(word) || (word === '--allow-replacement' && verb !== 'apply-live');
  const words = argv
    .filter((word) => !isReboot(word) && !isMeaningless(word))
    .map((word) => (word === '--stateroot' ? '--os' : word.replace(/^--stateroot=/, '--os=')));
  return { words, reboot: argv.some(isReboot) };
}
