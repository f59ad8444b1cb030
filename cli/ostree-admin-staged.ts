/** `ostree admin finalize-staged`, `lock-finalization` and `boot-complete`. */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { describeSwap } from '#bootloader/next-boot.ts';
import { completeBoot, finalizeStaged, lockFinalization } from '#bootloader/stage.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { describeEtc } from '#ostree/sysroot/merge-etc.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export function addStagedVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'finalize-staged', 'Write the staged deployment: at shutdown')
    .option('--hold', 'keep /boot in use until ended, so that nothing unmounts it')
    .action(async (flags: SysrootFlags & { readonly hold?: boolean }) =>
      flags.hold === true
        ? holdBoot(context)
        : changeSysroot(flags, context, (sysroot) => finalize(sysroot, context)),
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

function finalize(sysroot: Sysroot, context: CliContext): void {
  requireBooted(sysroot);
  const result = finalizeStaged(sysroot, {
    generateGrub: grubGenerator(sysroot, context),
    onEtcMerge: (diff) => context.out(describeEtc(diff)),
  });
  switch (result.kind) {
    case 'nothing':
      return;
    case 'locked':
      return context.out('The staged deployment is locked: it is not finalized\n');
    case 'done':
      return context.out(`${describeSwap(result.written)}\n`);
    default:
      result satisfies never;
  }
}

/** An open directory is in use: autofs does not unmount it. */
async function holdBoot({ sys }: CliContext): Promise<void> {
  const boot = sys.open(AT_FDCWD, '/boot', ['read', 'directory']);
  const timer = setInterval(() => undefined, 1 << 30);
  await once(process, 'SIGTERM');
  clearInterval(timer);
  sys.close(boot);
}
