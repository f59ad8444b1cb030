/** `ostree admin finalize-staged`, `lock-finalization` and `boot-complete`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { finalizeBooted, holdBoot } from '#bootloader/finalize.ts';
import { completeBoot, lockFinalization } from '#bootloader/stage.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';

export function addStagedVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'finalize-staged', 'Write the staged deployment: at shutdown')
    .option('--hold', 'keep /boot in use until ended, so that nothing unmounts it')
    .action(async (flags: SysrootFlags & { readonly hold?: boolean }) =>
      flags.hold === true
        ? holdBoot(context.sys)
        : changeSysroot(flags, context, (sysroot) =>
            finalizeBooted(sysroot, { generateGrub: grubGenerator(sysroot, context) }, (text) =>
              context.out(text),
            ),
          ),
    );
  adminVerb(admin, 'lock-finalization', 'Do not write the staged deployment at shutdown')
    .option('-u, --unlock', 'write it again')
    .action(async (flags: SysrootFlags & { readonly unlock?: boolean }) =>
      changeSysroot(flags, context, (sysroot) => {
        requireBooted(sysroot);
        lockFinalization(sysroot, flags.unlock !== true);
      }),
    );
  adminVerb(admin, 'boot-complete', 'Report what failed at the last shutdown').action(
    async (flags: SysrootFlags) => changeSysroot(flags, context, completeBoot),
  );
}
