import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { inheritSysroot, readSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { addConfigVerbs } from '#cli/ostree-admin-config.ts';
import { addDeployVerbs } from '#cli/ostree-admin-deploy.ts';
import { addInstallerVerbs } from '#cli/ostree-admin-installer.ts';
import { addInitVerbs } from '#cli/ostree-admin-init.ts';
import { addKargsVerbs } from '#cli/ostree-admin-kargs.ts';
import { addSoftRebootVerbs } from '#cli/ostree-admin-soft-reboot.ts';
import { addStagedVerbs } from '#cli/ostree-admin-staged.ts';
import { addUnlockVerb } from '#cli/ostree-admin-unlock.ts';
import { addUpgradeVerbs } from '#cli/ostree-admin-upgrade.ts';
import { addStatusVerbs, currentDirectory } from '#cli/ostree-admin-status.ts';
import { unknownVerb } from '#cli/unknown-verb.ts';

interface AdminFlags extends SysrootFlags {
  readonly printCurrentDir?: boolean;
}

/** The verbs of `ostree admin`, with ostree's words. */
export function addAdminVerbs(admin: Command, context: CliContext): void {
  admin
    .enablePositionalOptions()
    .option('--sysroot <path>', 'the sysroot (default: OSTREE_SYSROOT, or /)')
    .option('--print-current-dir', 'print the directory of the deployment that boots next')
    .allowExcessArguments()
    .hook('preAction', (_, verb) => inheritSysroot(verb))
    .action(async (flags: AdminFlags) => {
      const [verb] = admin.args;
      if (verb !== undefined) throw unknownVerb('admin ', verb);
      if (flags.printCurrentDir !== true) admin.help({ error: true });
      await readSysroot(flags, context, (sysroot) => context.out(`${currentDirectory(sysroot)}\n`));
    });
  addInitVerbs(admin, context);
  addDeployVerbs(admin, context);
  addUpgradeVerbs(admin, context);
  addStatusVerbs(admin, context);
  addConfigVerbs(admin, context);
  addKargsVerbs(admin, context);
  addSoftRebootVerbs(admin, context);
  addInstallerVerbs(admin, context);
  addStagedVerbs(admin, context);
  addUnlockVerb(admin, context);
}
