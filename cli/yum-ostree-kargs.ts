/** `kargs` shows or changes kernel arguments; `pin` keeps deployments. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { UNCHANGED } from '#cli/yum-ostree-change.ts';
import {
  collected,
  optionsOf,
  reporterOf,
  sysrootPath,
  type GlobalOptions,
} from '#cli/yum-ostree-options.ts';
import { choiceOf, onSysroot, printJson } from '#cli/yum-ostree-system.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  formatKernelArgs,
  parseKernelArgs,
  withoutKernelArg,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import type { KernelArgsEdit } from '#layering/kernel-arguments.ts';

interface KargsFlags extends GlobalOptions {
  readonly append?: string[];
  readonly appendIfMissing?: string[];
  readonly delete?: string[];
  readonly deleteIfPresent?: string[];
  readonly replace?: string[];
  readonly editor?: boolean;
  readonly importProcCmdline?: boolean;
  readonly deployIndex?: number;
  readonly unchangedExit77?: boolean;
}

export function addKargsVerbs(program: Command, context: CliContext, result: VerbResult): void {
  program
    .command('kargs')
    .description('show the kernel arguments of what boots next, or change them')
    .option('--append <KEY=VALUE>', 'add at the end', collected)
    .option('--append-if-missing <KEY=VALUE>', 'add where it is not there', collected)
    .option('--delete <KEY=VALUE>', 'remove; KEY alone where it has one value', collected)
    .option('--delete-if-present <KEY=VALUE>', 'remove where it is there', collected)
    .option('--replace <KEY=OLD=NEW>', 'replace a value; KEY=NEW where the key has one', collected)
    .option('--editor', 'change them in an editor')
    .option('--import-proc-cmdline', 'start with those of the running kernel')
    .option('--deploy-index <N>', 'of this deployment', wholeNumber)
    .option('--unchanged-exit-77', 'exit with 77 where nothing changes')
    .action(async (_options: object, command: Command) => {
      result.exitCode = await kargs(optionsOf<KargsFlags>(command), context);
    });
  program
    .command('pin')
    .description('keep deployments from being replaced')
    .argument('<deployment...>', 'numbers in the list, booted, pending, rollback')
    .option('-u, --unpin', 'let them be replaced again')
    .action(async (words: string[], _options: object, command: Command) => {
      const flags = optionsOf<{ readonly unpin?: boolean }>(command);
      const { changeSysroot } = await import('#cli/ostree-admin-context.ts');
      const { pin } = await import('#cli/ostree-admin-init.ts');
      await changeSysroot({ sysroot: sysrootPath(flags, context) }, context, (sysroot) => {
        for (const index of words) pin(sysroot, { index, pinned: flags.unpin !== true }, context);
      });
    });
}

/** @returns the exit code */
async function kargs(flags: KargsFlags, context: CliContext): Promise<number> {
  const edit: KernelArgsEdit = {
    delete: flags.delete ?? [],
    replace: flags.replace ?? [],
    append: flags.append ?? [],
    appendIfMissing: flags.appendIfMissing ?? [],
    deleteIfPresent: flags.deleteIfPresent ?? [],
  };
  const edits = Object.values(edit).flat();
  if (flags.editor === true && edits.length > 0)
    throw new UserError('USAGE', 'kargs: --editor goes with no other change');
  if (edits.length === 0 && flags.editor !== true && flags.importProcCmdline !== true)
    return showKargs(flags, context);
  const { changeKernelArgs, editKernelArgs } = await import('#layering/kernel-arguments.ts');
  const { runningKernelArgs } = await import('#cli/ostree-admin-deploy.ts');
  const reporter = reporterOf(flags, context);
  const { args, isChanged } = await changeKernelArgs(choiceOf(flags, context, reporter), {
    index: flags.deployIndex ?? null,
    change: (present) => {
      const running = (): KernelArgs => withoutKernelArg(runningKernelArgs(context), 'ostree');
      const start = flags.importProcCmdline === true ? running() : present;
      return flags.editor === true ? edited(start, context) : editKernelArgs(start, edit);
    },
  });
  reporter.finish();
  if (flags.json === true) printJson(context, { result: isChanged ? 'deployed' : 'unchanged', kargs: args });
  else if (flags.quiet !== true)
    context.out(isChanged ? `Boots next: ${formatKernelArgs(args)}\n` : 'No changes.\n');
  return !isChanged && flags.unchangedExit77 === true ? UNCHANGED : 0;
}

async function showKargs(flags: KargsFlags, context: CliContext): Promise<number> {
  const { deploymentAt, settableArgs } = await import('#layering/kernel-arguments.ts');
  const { chooseStateroot } = await import('#layering/system.ts');
  const args = await onSysroot(flags, context, (sysroot) => {
    const { deployIndex, os: wanted = null } = flags;
    if (deployIndex !== undefined) return settableArgs(deploymentAt(sysroot, deployIndex, wanted));
    const stateroot = chooseStateroot(sysroot, wanted);
    const first = sysroot.deployments.find((one) => one.stateroot === stateroot);
    return first === undefined ? [] : settableArgs(first);
  });
  if (flags.json === true) printJson(context, { kargs: args });
  else context.out(`${formatKernelArgs(args)}\n`);
  return 0;
}

/** What is left of the arguments, one a line or several, after the person's editor; lines that begin with # are not read. */
function edited(present: KernelArgs, { env }: CliContext): KernelArgs {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-kargs-'));
  const file = path.join(directory, 'kargs');
  try {
    fs.writeFileSync(file, `# Kernel arguments, one a line or several.\n${present.join('\n')}\n`);
    const editor = env['VISUAL'] ?? env['EDITOR'] ?? 'vi';
    // An editor may have options: a shell takes the words apart.
    const { status, error } = spawnSync('sh', ['-c', `${editor} "$0"`, file], { stdio: 'inherit' });
    if (status !== 0)
      throw new UserError(
        'BAD_OPTION',
        `the editor '${editor}' failed: ${error?.message ?? `exit code ${String(status)}`}`,
        { hint: 'EDITOR names the editor; nothing was changed' },
      );
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    return parseKernelArgs(lines.filter((line) => !line.startsWith('#')).join(' '));
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,3}$/.test(text)) throw new InvalidArgumentError('it is not the number of a deployment.');
  return Number(text);
}
