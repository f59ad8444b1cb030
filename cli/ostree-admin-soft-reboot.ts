/** `ostree admin prepare-soft-reboot`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, deploymentAt, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { AT_FDCWD, CLONE_NEWNS, type Fd, type Syscalls } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { isOstreeBoot, requireBooted } from '#ostree/sysroot/booted.ts';
import { deploymentPath, userKernelArgs, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { prepareSoftReboot, resetSoftReboot } from '#prepare-root/soft-reboot.ts';

interface SoftRebootFlags extends SysrootFlags {
  readonly reboot?: boolean;
  readonly reset?: boolean;
}

export function addSoftRebootVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'prepare-soft-reboot [index]', 'Prepare deployment INDEX for a soft reboot')
    .option('--reboot', 'reboot into it at once')
    .option('--reset', 'take back what was prepared')
    .action(async (index: string | undefined, flags: SoftRebootFlags) => {
      if (!isOstreeBoot(context.sys))
        throw new UserError('NOT_BOOTED', 'Not currently booted into an OSTree system');
      const mounts = ownMounts(context.sys);
      await changeSysroot(flags, context, (sysroot) => softReboot(sysroot, { index, flags, mounts }));
    });
}

interface SoftReboot {
  readonly index: string | undefined;
  readonly flags: SoftRebootFlags;
  /** Those of process 1. */
  readonly mounts: Mounts;
}

interface Mounts {
  readonly namespace: Fd;
  readonly root: Fd;
}

function softReboot(sysroot: Sysroot, { index, flags, mounts }: SoftReboot): void {
  const { sys } = sysroot;
  if (flags.reset !== true && index === undefined) throw new UserError('USAGE', 'INDEX must be specified');
  const target = index === undefined ? null : deploymentAt(sysroot, index);
  enter(sys, mounts);
  if (flags.reset === true || target === null) return resetSoftReboot(sys);
  const booted = runningBeside(sysroot, target);
  during('Preparing /run/nextroot for a soft-reboot', () => {
    refuseOtherKernel(booted, target);
    prepareSoftReboot(sys, `/sysroot/${deploymentPath(target)}`);
  });
  if (flags.reboot === true)
    sys.exec('/usr/bin/systemctl', ['systemctl', 'soft-reboot'], ['PATH=/usr/sbin:/usr/bin']);
}

/** What is mounted in another mount namespace than that of process 1, systemd does not see. */
function ownMounts(sys: Syscalls): Mounts {
  const [own, first] = ['self', '1'].map((process) => sys.stat(AT_FDCWD, `/proc/${process}/ns/mnt`)?.ino);
  if (own === first)
    return {
      namespace: sys.open(AT_FDCWD, '/proc/self/ns/mnt', ['read']),
      root: sys.open(AT_FDCWD, '/', ['read', 'directory']),
    };
  throw new UserError('WRONG_PLACE', 'this process does not see the mounts of process 1', {
    hint: 'run it outside of containers and of units with mounts of their own, or through nsenter -t 1 -m',
  });
}

/** The sysroot was made writable for this process alone; what is mounted now is for all. */
function enter(sys: Syscalls, { namespace, root }: Mounts): void {
  sys.setns(namespace, CLONE_NEWNS);
  // It has taken the root of the namespace.
  sys.fchdir(root);
  sys.chroot('.');
}

/** The deployment that runs, which is not the target. @throws UserError NOT_BOOTED, USAGE */
function runningBeside(sysroot: Sysroot, target: Deployment): Deployment {
  const booted = requireBooted(sysroot);
  if (!target.isBooted) return booted;
  const index = sysroot.deployments.indexOf(target);
  throw new UserError('USAGE', `Cannot prepare for soft-reboot currently booted deployment ${index}`);
}

/** @throws UserError OTHER_KERNEL */
function refuseOtherKernel(booted: Deployment, target: Deployment): void {
  const [running, wanted] = [booted, target].map((one) => [...userKernelArgs(one)].sort().join(' '));
  if (target.bootcsum === booted.bootcsum && running === wanted) return;
  throw new UserError('OTHER_KERNEL', 'Cannot soft-reboot to deployment with different kernel state', {
    hint: 'its kernel, initramfs or kernel arguments differ from those that run: reboot',
  });
}
