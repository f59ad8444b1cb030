/** `yum-ostree-boot`: what a running board does with its deployments, without Node. */
import { parseVerbArguments, type VerbArguments, type VerbOptions } from '#board/arguments.ts';
import { withBatchCalls } from '#board/batch-calls.ts';
import { kargs, KARGS_OPTIONS, rollback, setDefault } from '#board/boot-order.ts';
import { cleanup } from '#board/cleanup.ts';
import { readEnvironment, readingSysroot, type BoardContext } from '#board/context.ts';
import { fsckBootVerb } from '#board/fsck-boot.ts';
import { markGoodVerb } from '#board/mark-good.ts';
import { bootComplete, finalize } from '#board/staged.ts';
import { statusJson, statusText } from '#board/status.ts';
import type { Syscalls } from '#native/syscalls.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { VERSION } from '#ostree/format/version.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';

const HELP = `usage: yum-ostree-boot VERB [--sysroot DIR] [OPTION]…

  status [--json]        list the deployments
  set-default INDEX      make this deployment boot next
  rollback               make the previous deployment boot next
  kargs                  print the kernel arguments of the deployment that boots next, or change them:
    [--append K=V] [--append-if-missing K=V] [--replace K=V] [--delete K[=V]] [--delete-if-present K[=V]]
    [--deployment INDEX]
  fsck-boot [--repair]   check that every entry of the boot menu can boot; mend what can be mended
    [--json]
  cleanup                remove what no deployment and no ref needs
  finalize-staged        make the staged deployment the next to boot: at shutdown
    [--hold]             only keep /boot in use, until ended
  boot-complete          report what failed at the last shutdown
  mark-good [--json]     run the health checks; the running deployment is good where they pass

  --sysroot DIR          default: OSTREE_SYSROOT, or /
  --version              print the version
`;

interface Verb extends VerbOptions {
  /** @returns what is printed */
  run(context: BoardContext, args: VerbArguments): string;
}

const PLAIN: VerbOptions = { values: [], flags: [], operands: 0 };
const VERBS: Readonly<Record<string, Verb>> = {
  status: {
    ...PLAIN,
    flags: ['--json'],
    run: (context, { flags }) => readingSysroot(context, flags.has('--json') ? statusJson : statusText),
  },
  'set-default': { ...PLAIN, operands: 1, run: setDefault },
  rollback: { ...PLAIN, run: rollback },
  kargs: { ...PLAIN, values: KARGS_OPTIONS, run: kargs },
  'fsck-boot': { ...PLAIN, flags: ['--repair', '--json'], run: fsckBootVerb },
  cleanup: { ...PLAIN, run: cleanup },
  'finalize-staged': { ...PLAIN, flags: ['--hold'], run: finalize },
  'boot-complete': { ...PLAIN, run: bootComplete },
  'mark-good': { ...PLAIN, flags: ['--json'], run: markGoodVerb },
};

/** @returns the exit code: 0 done, 1 failed, 2 wrong usage; a failure is one message on standard error */
export function run(_name: string, argv: readonly string[], calls: Syscalls): number {
  try {
    const sys = withBatchCalls(calls);
    sys.write(1, answer(sys, argv));
    return 0;
  } catch (error) {
    calls.write(2, errorText(error));
    return codeOf(error) === 'USAGE' ? 2 : 1;
  }
}

function answer(sys: RepoCalls, [name, ...words]: readonly string[]): string {
  if (name === '--help' || words.includes('--help')) return HELP;
  if (name === '--version') return `yum-ostree-boot (yum-ostree ${VERSION})\n`;
  const verb = name !== undefined && Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb === undefined)
    throw new UserError('USAGE', name === undefined ? 'no verb' : `unknown verb '${name}'`, {
      hint: `the verbs are ${Object.keys(VERBS).join(', ')}; --help says more`,
    });
  const args = parseVerbArguments(words, verb);
  const env = readEnvironment(sys);
  return verb.run({ sys, env, path: args.sysroot ?? env['OSTREE_SYSROOT'] ?? '/' }, args);
}

function errorText(error: unknown): string {
  // What is neither an error for people nor one of a system call is a fault of the program.
  if (codeOf(error) === undefined) throw error;
  const hint = error instanceof UserError ? error.hint : undefined;
  return `error: ${messageOf(error)}\n${hint === undefined ? '' : `hint: ${hint}\n`}`;
}
