/** `ostree admin unlock`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { bootNext } from '#bootloader/next-boot.ts';
import { UserError } from '#ostree/format/errors.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { openMountNamespace } from '#ostree/sysroot/mount-namespace.ts';
import { copiedOrigin } from '#ostree/sysroot/origin.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { refuseUnlocked, unlockDeployment, type Unlocked } from '#ostree/sysroot/unlock.ts';

interface UnlockFlags extends SysrootFlags {
  readonly hotfix?: boolean;
  readonly transient?: boolean;
}

const MESSAGES: Readonly<Record<Unlocked, string>> = {
  development: 'Development mode enabled: /usr is writable until the next boot, which forgets the changes.\n',
  transient:
    'Transient overlay enabled: who mounts /usr writable in a mount namespace of its own can change it until the next boot.\n',
  hotfix:
    'Hotfix mode enabled: /usr is writable for as long as this deployment is there.\nA copy of it without changes can be booted instead.\n',
};

export function addUnlockVerb(admin: Command, context: CliContext): void {
  adminVerb(admin, 'unlock', 'Make the current deployment mutable (as a hotfix or development)')
    .option('--hotfix', 'keep the changes across reboots')
    .option('--transient', 'mount it read-only, for mount namespaces of their own')
    .action(async (flags: UnlockFlags) => {
      const kind = kindOf(flags);
      const machine = openMountNamespace(context.sys);
      try {
        await changeSysroot(flags, context, (sysroot) => unlock(sysroot, { kind, machine }, context));
      } finally {
        context.sys.close(machine);
      }
    });
}

function kindOf({ hotfix, transient }: UnlockFlags): Unlocked {
  if (hotfix === true && transient === true)
    throw new UserError('USAGE', 'Cannot specify both --hotfix and --transient');
  return hotfix === true ? 'hotfix' : transient === true ? 'transient' : 'development';
}

function unlock(
  sysroot: Sysroot,
  { kind, machine }: { readonly kind: Unlocked; readonly machine: number },
  context: CliContext,
): void {
  const booted = refuseUnlocked(sysroot);
  const present = kind === 'hotfix' ? keepCopy(sysroot, booted, context) : sysroot;
  unlockDeployment(present, kind, machine);
  context.out(MESSAGES[kind]);
}

/** The same commit once more, without the changes to come, to go back to. */
function keepCopy(sysroot: Sysroot, booted: Deployment, context: CliContext): Sysroot {
  cleanUpSysroot(sysroot);
  const { stateroot, checksum, kargs } = booted;
  const origin = copiedOrigin(booted.origin);
  const copy = deployTree(sysroot, { stateroot, checksum, kargs, origin, merge: booted });
  const options = { new: copy, merge: booted, notAsDefault: true };
  return bootNext(sysroot, { ...options, generateGrub: grubGenerator(sysroot, context) }).sysroot;
}
