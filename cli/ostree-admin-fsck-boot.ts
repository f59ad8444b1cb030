/** `ostree admin fsck-boot`: as `yum-ostree-boot fsck-boot`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, sysrootPath, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { fsckBoot, fsckFacts, fsckText } from '#bootloader/fsck-boot.ts';

interface FsckBootFlags extends SysrootFlags {
  readonly repair?: boolean;
  readonly json?: boolean;
}

export function addFsckBootVerb(admin: Command, context: CliContext): void {
  adminVerb(admin, 'fsck-boot', 'Check that every entry of the boot menu can boot')
    .option('--repair', 'mend what can be mended')
    .option('--json', 'print JSON')
    .action((flags: FsckBootFlags) => {
      const { sys, env } = context;
      fsckBoot({ sys, env, path: sysrootPath(flags, context) }, flags.repair === true, (report) =>
        context.out(
          flags.json === true ? `${JSON.stringify(fsckFacts(report), null, 2)}\n` : fsckText(report),
        ),
      );
    });
}
