import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { inheritSysroot, readSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { addConfigVerbs } from '#cli/ostree-admin-config.ts';
import { addDeployVerbs } from '#cli/ostree-admin-deploy.ts';
import { addFsckBootVerb } from '#cli/ostree-admin-fsck-boot.ts';
import { addInstallerVerbs } from '#cli/ostree-admin-installer.ts';
import { addInitVerbs } from '#cli/ostree-admin-init.ts';
import { addKargsVerbs } from '#cli/ostree-admin-kargs.ts';
import { addSoftRebootVerbs } from '#cli/ostree-admin-soft-reboot.ts';
import { addStagedVerbs } from '#cli/ostree-admin-staged.ts';
import { addUnlockVerb } from '#cli/ostree-admin-unlock.ts';
import { addUpgradeVerbs } from '#cli/ostree-admin-upgrade.ts';
import { addStatusVerbs, currentDirectory } from '#cli/ostree-admin-status.ts';
import { verbGroup } from '#cli/verb-group.ts';

interface AdminFlags extends SysrootFlags {
  readonly printCurrentDir?: boolean;
}

/** The verbs of `ostree admin`, with ostree's words. */
export function addAdminVerbs(admin: Command, context: CliContext): void {
  admin
    .enablePositionalOptions()
    .option('--sysroot <path>', 'the sysroot (default: OSTREE_SYSROOT, or /)')
    .option('--print-current-dir', 'print the directory of the deployment that boots next')
    .hook('preAction', (_, verb) => inheritSysroot(verb));
  verbGroup(admin, context, async () => {
    const flags = admin.opts<AdminFlags>();
    if (flags.printCurrentDir !== true) return false;
    await readSysroot(flags, context, (sysroot) => context.out(`${currentDirectory(sysroot)}\n`));
    return true;
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
  addFsckBootVerb(admin, context);
}
