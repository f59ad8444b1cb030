/** `yum-ostree fsck-boot`: as `yum-ostree-boot fsck-boot`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { optionsOf, sysrootPath, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { printJson } from '#cli/yum-ostree-system.ts';

interface FsckBootFlags extends GlobalOptions {
  readonly repair?: boolean;
}

export function addFsckBootVerb(program: Command, context: CliContext, _result: VerbResult): void {
  program
    .command('fsck-boot')
    .description('check that every entry of the boot menu can boot')
    .option('--repair', 'mend what can be mended')
    .action(async (_options: object, command: Command) => check(optionsOf<FsckBootFlags>(command), context));
}

/** @throws UserError as the story */
async function check(options: FsckBootFlags, context: CliContext): Promise<void> {
  const { fsckBoot, fsckFacts, fsckText } = await import('#bootloader/fsck-boot.ts');
  const { sys, env } = context;
  fsckBoot({ sys, env, path: sysrootPath(options, context) }, options.repair === true, (report) => {
    if (options.json === true) printJson(context, fsckFacts(report));
    else if (options.quiet !== true) context.out(fsckText(report));
  });
}
