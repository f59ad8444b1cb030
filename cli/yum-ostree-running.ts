/** Verbs about what runs: ps, audit, apply-live, restart-services, unlocked, mask, unmask. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { optionsOf, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { onSysroot, printJson } from '#cli/yum-ostree-system.ts';

interface ProcFlags {
  readonly proc?: string;
}
interface MaskFlags {
  readonly now?: boolean;
}
interface PsFlags extends ProcFlags {
  readonly all?: boolean;
}

export function addRunningVerbs(program: Command, context: CliContext, result: VerbResult): void {
  addProcOption(program.command('ps'))
    .description('list the processes with the trees and packages that their files are from')
    .option('-a, --all', 'also those that have no file of a tree')
    .action((_options: object, command: Command) => ps(optionsOf<PsFlags>(command), context));
  addProcOption(program.command('audit'))
    .description('tell what a reboot or restarts would change (exit code 8 and more: something would)')
    .action(async (_options: object, command: Command) => {
      result.exitCode = await audit(optionsOf<ProcFlags>(command), context);
    });
  addLiveVerbs(program, context, result);
  program
    .command('unlocked')
    .description('list what was changed in writable layers over /usr')
    .action((_options: object, command: Command) => unlocked(optionsOf(command), context));
  program
    .command('mask')
    .description('keep systemd from starting units, now and after the next boot')
    .argument('<unit...>')
    .option('--now', 'stop them too')
    .action((units: string[], _options: object, command: Command) =>
      maskOrUnmask(units, true, { flags: optionsOf(command), context }),
    );
  program
    .command('unmask')
    .description('let systemd start units again')
    .argument('<unit...>')
    .action((units: string[], _options: object, command: Command) =>
      maskOrUnmask(units, false, { flags: optionsOf(command), context }),
    );
}

function addLiveVerbs(program: Command, context: CliContext, result: VerbResult): void {
  program
    .command('apply-live')
    .description('bring what boots next into the system that runs, without a reboot')
    .option('--target <TREE>', "another tree: a deployment's, a ref or a commit")
    .option('--reset', 'back to the tree that was booted')
    .option('--allow-replacement', 'also replace and remove files of packages')
    .option('--restart', 'restart the services that need it')
    .option('-n, --dry-run', 'only print what would be done')
    .action(async (_options: object, command: Command) => {
      const { runApplyLive } = await import('#cli/yum-ostree-live.ts');
      result.exitCode = await runApplyLive(optionsOf(command), context);
    });
  addProcOption(program.command('restart-services'))
    .description('restart the services that run files which are gone or of another tree')
    .argument('[unit...]', 'only these')
    .option('-n, --dry-run', 'only print which')
    .action(async (units: string[], _options: object, command: Command) => {
      const { runRestartServices } = await import('#cli/yum-ostree-live.ts');
      result.exitCode = await runRestartServices(units, optionsOf(command), context);
    });
}

async function unlocked(flags: GlobalOptions, context: CliContext): Promise<void> {
  const { changedLayers } = await import('#layering/running-layer.ts');
  const { unlockedJson, unlockedText } = await import('#cli/yum-ostree-unlocked.ts');
  const layers = await onSysroot(flags, context, changedLayers);
  if (flags.json === true) printJson(context, unlockedJson(layers));
  else context.out(unlockedText(layers));
}

async function maskOrUnmask(
  units: readonly string[],
  masked: boolean,
  { flags, context }: { readonly flags: GlobalOptions & MaskFlags; readonly context: CliContext },
): Promise<void> {
  const { mask } = await import('#cli/yum-ostree-mask.ts');
  await mask(units, { ...flags, masked, now: flags.now === true }, context);
}

function addProcOption(command: Command): Command {
  return command.option('--proc <DIR>', 'the processes of this folder (default /proc)');
}

async function ps(flags: GlobalOptions & PsFlags, context: CliContext): Promise<void> {
  const { readRunning } = await import('#layering/running.ts');
  const { psJson, psText } = await import('#cli/yum-ostree-ps.ts');
  const report = await onSysroot(flags, context, (sysroot) => readRunning(sysroot, flags.proc ?? '/proc'));
  const options = { verbose: flags.verbose === true, all: flags.all === true };
  if (flags.json === true) printJson(context, psJson(report, options));
  else context.out(psText(report, options));
}

async function audit(flags: GlobalOptions & ProcFlags, context: CliContext): Promise<number> {
  const { readRunning } = await import('#layering/running.ts');
  const { auditOf } = await import('#layering/running-audit.ts');
  const { nextBootOf } = await import('#layering/running-next-boot.ts');
  const { auditJson, auditText } = await import('#cli/yum-ostree-audit.ts');
  const found = await onSysroot(flags, context, (sysroot) => {
    const report = readRunning(sysroot, flags.proc ?? '/proc');
    return auditOf(report, nextBootOf(sysroot, report.trees, report.applied?.live ?? null));
  });
  if (flags.json === true) printJson(context, auditJson(found));
  else if (flags.quiet !== true) context.out(auditText(found, flags.verbose === true));
  return found.exitCode;
}
