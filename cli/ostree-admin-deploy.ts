/** `ostree admin deploy`, `undeploy`, `set-default` and `cleanup`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import {
  adminVerb,
  changeSysroot,
  chosenStateroot,
  deploymentAt,
  several,
  type SysrootFlags,
} from '#cli/ostree-admin-context.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import { bootList, bootNext, describeSwap, pruneUnreferenced } from '#bootloader/next-boot.ts';
import { mergeDeployment, type ListPolicy } from '#bootloader/list-policy.ts';
import { refuseUnbooted, stageDeployment } from '#bootloader/stage.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { environmentWords } from '#ostree/format/environment-words.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  appendKernelArgs,
  deleteKernelArg,
  parseKernelArgs,
  replaceKernelArg,
  withoutBootLoaderArgs,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import { parseKeyFile, type KeyFile } from '#ostree/format/keyfile.ts';
import { labelVarOnce } from '#layering/label-var.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { settleBootPartition } from '#bootloader/write-entries.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { describeEtc } from '#ostree/sysroot/merge-etc.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { previewEtc } from '#ostree/sysroot/preview-etc.ts';
import { stageInitrd } from '#ostree/sysroot/stage-initrd.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

interface DeployFlags extends SysrootFlags, ListPolicy {
  readonly os?: string;
  readonly stateroot?: string;
  readonly originFile?: string;
  readonly prune: boolean;
  readonly merge: boolean;
  readonly stage?: boolean;
  readonly lockFinalization?: boolean;
  readonly karg: readonly string[];
  readonly kargAppend: readonly string[];
  readonly kargDelete: readonly string[];
  readonly kargNone?: boolean;
  readonly kargProcCmdline?: boolean;
  readonly overlayInitrd: readonly string[];
}

export function addDeployVerbs(admin: Command, context: CliContext): void {
  addDeploy(admin, context);
  adminVerb(admin, 'undeploy <index>', 'Delete deployment INDEX').action(
    async (index: string, flags: SysrootFlags) =>
      changeSysroot(flags, context, (sysroot) => undeploy(sysroot, index, context)),
  );
  adminVerb(admin, 'set-default <index>', 'Make deployment INDEX the default').action(
    async (index: string, flags: SysrootFlags) =>
      changeSysroot(flags, context, (sysroot) => setDefault(sysroot, index, context)),
  );
  adminVerb(admin, 'cleanup', 'Delete untagged deployments and repository objects').action(
    async (flags: SysrootFlags) =>
      changeSysroot(flags, context, (sysroot) => {
        settleBootPartition(sysroot);
        cleanUpSysroot(sysroot);
        pruneUnreferenced(sysroot);
      }),
  );
}

function addDeploy(admin: Command, context: CliContext): void {
  adminVerb(admin, 'deploy <refspec>', 'Checkout revision REFSPEC as the new default deployment')
    .option('--os <name>', 'the stateroot (default: the booted one)')
    .option('--stateroot <name>', 'the same')
    .option('--origin-file <file>', 'take the origin from a file')
    .option('--no-prune', 'keep unreferenced objects')
    .option('--no-merge', 'take neither /etc nor kernel arguments from the present deployment')
    .option('--retain', 'keep all deployments')
    .option('--retain-pending', 'keep those before the booted one')
    .option('--retain-rollback', 'keep those after the booted one')
    .option('--not-as-default', 'put it after the present one')
    .option('--stage', 'finish it at shutdown')
    .option('--lock-finalization', 'stage it, and finish it at no shutdown before it is unlocked')
    .option('--karg <name=value>', 'replace a kernel argument', several, [])
    .option('--karg-append <name=value>', 'add a kernel argument', several, [])
    .option('--karg-delete <name=value>', 'remove a kernel argument', several, [])
    .option('--karg-none', 'start without kernel arguments')
    .option('--karg-proc-cmdline', 'start with those of the running kernel')
    .option('--overlay-initrd <file>', 'load this initrd after that of the tree', several, [])
    .action(async (refspec: string, flags: DeployFlags) =>
      changeSysroot(flags, context, (sysroot) => deploy(sysroot, { refspec, flags }, context)),
    );
}

async function deploy(
  sysroot: Sysroot,
  { refspec, flags }: { refspec: string; flags: DeployFlags },
  context: CliContext,
): Promise<void> {
  mountedPartitionOf(sysroot);
  const isStaged = flags.stage === true || flags.lockFinalization === true;
  if (isStaged) refuseWithStage(sysroot, flags);
  const checksum = resolveRev(sysroot.repo, refspec);
  const origin = originOf(flags, refspec, context);
  const stateroot = chosenStateroot(sysroot, flags.stateroot ?? flags.os);
  // Without a merge the present deployment is not kept either.
  const merge = flags.merge ? mergeDeployment(sysroot.deployments, sysroot.booted, stateroot) : null;
  const kargs = deployKernelArgs(flags, merge, context);
  const addedInitrds = flags.overlayInitrd.map((file) => stageInitrdFile(context.sys, file));
  cleanUpSysroot(sysroot);
  const fresh = deployTree(sysroot, {
    stateroot,
    checksum,
    origin,
    merge,
    kargs,
    addedInitrds,
    isStaged,
    onEtcMerge: (diff) => context.out(describeEtc(diff)),
  });
  await labelVarOnce(sysroot, fresh);
  if (isStaged) return stage(sysroot, { fresh, merge, isLocked: flags.lockFinalization === true }, context);
  const options = { ...flags, new: fresh, merge, noPrune: !flags.prune };
  const result = bootNext(sysroot, { ...options, generateGrub: grubGenerator(sysroot, context) });
  context.out(`${describeSwap(result)}\n`);
}

function stageInitrdFile(sys: Syscalls, file: string): Checksum {
  if (sys.stat(AT_FDCWD, file) === null) throw new UserError('NO_FILE', `there is no initrd '${file}'`);
  return stageInitrd(sys, sys.readFile(AT_FDCWD, file)).checksum;
}

/** @throws UserError NOT_BOOTED, USAGE */
function refuseWithStage(sysroot: Sysroot, flags: DeployFlags): void {
  refuseUnbooted(sysroot);
  if (flags.retain === true || flags.retainPending === true || flags.retainRollback === true)
    throw new UserError('USAGE', '--stage cannot currently be combined with --retain arguments');
  if (flags.notAsDefault === true)
    throw new UserError('USAGE', '--stage cannot currently be combined with --not-as-default');
}

/** Leaves the new deployment to be finished at shutdown. */
export function stage(
  sysroot: Sysroot,
  next: { readonly fresh: Deployment; readonly merge: Deployment | null; readonly isLocked: boolean },
  context: CliContext,
): void {
  const { fresh, merge } = next;
  const conflicts = merge === null ? [] : previewEtc(sysroot, merge, fresh.checksum).conflicts;
  for (const { message, path } of conflicts)
    context.err(`warning: it cannot be finished before /etc/${path} is moved away: ${message}\n`);
  const environment = environmentWords(context.env);
  stageDeployment(sysroot, { ...next, deployment: fresh, environment });
}

function originOf(flags: DeployFlags, refspec: string, { sys }: CliContext): KeyFile {
  if (flags.originFile === undefined) return refspecOrigin(refspec);
  const text = sys.readText(AT_FDCWD, flags.originFile);
  if (text === null) throw new UserError('NO_FILE', `there is no origin file '${flags.originFile}'`);
  return parseKeyFile(text, flags.originFile);
}

function deployKernelArgs(flags: DeployFlags, merge: Deployment | null, context: CliContext): KernelArgs {
  if (flags.kargProcCmdline === true && flags.kargNone === true)
    throw new UserError('USAGE', "Can't specify both --karg-proc-cmdline and --karg-none");
  const inherited = merge === null || flags.kargNone === true ? [] : merge.kargs;
  const start = flags.kargProcCmdline === true ? runningKernelArgs(context) : inherited;
  const replaced = flags.karg.reduce(replaceKernelArg, start);
  return flags.kargDelete.reduce(deleteKernelArg, appendKernelArgs(replaced, flags.kargAppend));
}

/** `/proc/cmdline` without what the boot loader added. */
export function runningKernelArgs({ sys }: CliContext): KernelArgs {
  return withoutBootLoaderArgs(parseKernelArgs(sys.readText(AT_FDCWD, '/proc/cmdline') ?? ''));
}

function undeploy(sysroot: Sysroot, index: string, context: CliContext): void {
  const target = deploymentAt(sysroot, index);
  if (target.isBooted) throw new UserError('BOOTED_REMOVED', 'Cannot undeploy currently booted deployment');
  const result = bootList(
    sysroot,
    sysroot.deployments.filter((deployment) => deployment !== target),
    { generateGrub: grubGenerator(sysroot, context) },
  );
  context.out(`${describeSwap(result)}\nDeleted deployment ${deploymentName(target)}\n`);
}

function setDefault(sysroot: Sysroot, index: string, context: CliContext): void {
  const target = deploymentAt(sysroot, index);
  const others = sysroot.deployments.filter((deployment) => deployment !== target);
  const result = bootList(sysroot, [target, ...others], { generateGrub: grubGenerator(sysroot, context) });
  if (result.swap !== 'none') context.out(`${describeSwap(result)}\n`);
}
