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

/** @throws UserError NOT_BOOTED, NOT_GOOD, GRUB_ENVIRONMENT, BAD_KEYFILE, REBOOT */
async function markGood(options: GlobalOptions, context: CliContext): Promise<void> {
  const story = await import('#bootloader/fallback-mark-good.ts');
  const { markGoodFacts, markGoodText } = await import('#bootloader/fallback-report.ts');
  const { changeSysroot } = await import('#cli/ostree-admin-context.ts');
  const { grubGenerator } = await import('#cli/ostree-admin-grub.ts');
  const flags = { sysroot: sysrootPath(options, context) };
  const settled = await changeSysroot(flags, context, (sysroot) =>
    story.settleBoot(sysroot, { generateGrub: grubGenerator(sysroot, context) }),
  );
  const health = story.checkHealth(context.sys, context.env);
  const report = await changeSysroot(flags, context, (sysroot) =>
    story.concludeBoot(sysroot, settled, health),
  );
  if (options.json === true) printJson(context, markGoodFacts(report));
  else if (options.quiet !== true) context.out(markGoodText(report));
  if (report.isHealthy) return;
  if (report.reboots) story.rebootMachine(context.sys, context.env);
  throw story.notGoodError(report);
}
