/** `yum-ostree mark-good`: as `yum-ostree-boot mark-good`, which the unit calls. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { optionsOf, sysrootPath, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { printJson } from '#cli/yum-ostree-system.ts';

export function addMarkGoodVerb(program: Command, context: CliContext, _result: VerbResult): void {
  program
    .command('mark-good')
    .description('run the health checks; the running deployment is good where they pass')
    .action(async (_options: object, command: Command) => markGood(optionsOf(command), context));
}

/** @throws UserError as the story */
async function markGood(options: GlobalOptions, context: CliContext): Promise<void> {
  const story = await import('#bootloader/mark-good.ts');
  const { markGoodFacts, markGoodText } = await import('#bootloader/fallback-report.ts');
  const { sys, env } = context;
  story.markGood({ sys, env, path: sysrootPath(options, context) }, (report) => {
    if (options.json === true) printJson(context, markGoodFacts(report));
    else if (options.quiet !== true) context.out(markGoodText(report));
  });
}
