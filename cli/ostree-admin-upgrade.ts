/** `ostree admin upgrade` and `switch`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, chosenStateroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { stage } from '#cli/ostree-admin-deploy.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { pullFollowed } from '#cli/ostree-admin-pull.ts';
import { rebootNow } from '#cli/reboot.ts';
import { failedTreeText, hasFailed } from '#bootloader/fallback-failed.ts';
import { labelVarOnce } from '#layering/label-var.ts';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import { bootNext, describeSwap } from '#bootloader/next-boot.ts';
import { mergeDeployment } from '#bootloader/list-policy.ts';
import { refuseUnbooted } from '#bootloader/stage.ts';
import { parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { KeyFile } from '#ostree/format/keyfile.ts';
import { formatRefspec, type Refspec } from '#ostree/format/ref-name.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { refuseOlder } from '#ostree/repo/pull-remote.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { describeEtc } from '#ostree/sysroot/merge-etc.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import {
  endOfLifeRebase,
  followedRefspec,
  originalRefspec,
  switchedRefspec,
  upgradedOrigin,
} from '#ostree/sysroot/follow-ref.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

interface UpgradeFlags extends SysrootFlags {
  readonly os?: string;
  readonly reboot?: boolean;
  readonly stage?: boolean;
  readonly allowDowngrade?: boolean;
  readonly pullOnly?: boolean;
  readonly deployOnly?: boolean;
  readonly overrideCommit?: string;
  readonly retryFailed?: boolean;
}

/** A branch may send its followers on, and that one too; a circle must end. */
const MAX_REBASES = 8;

export function addUpgradeVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'upgrade', 'Construct new tree from current origin and deploy it, if it changed')
    .option('--os <name>', 'the stateroot (default: the booted one)')
    .option('-r, --reboot', 'reboot after a successful upgrade')
    .option('--stage', 'finish it at shutdown')
    .option('--allow-downgrade', 'permit deployment of chronologically older trees')
    .option('--override-commit <checksum>', 'deploy that commit instead of the newest')
    .option('--retry-failed', 'also deploy a commit that has failed to boot here')
    .option('--pull-only', 'do not create a deployment, just download')
    .option('--deploy-only', 'do not download')
    .action(async (flags: UpgradeFlags) =>
      changeSysroot(flags, context, async (sysroot) => upgrade(sysroot, flags, context)),
    );
  adminVerb(admin, 'switch <refspec>', 'Construct new tree from REFSPEC and deploy it')
    .option('--os <name>', 'the stateroot (default: the booted one)')
    .option('-r, --reboot', 'switch origin and reboot after a successful upgrade')
    .action(async (text: string, flags: UpgradeFlags) =>
      changeSysroot(flags, context, async (sysroot) => switchTo(sysroot, { text, flags }, context)),
    );
}

async function upgrade(sysroot: Sysroot, flags: UpgradeFlags, context: CliContext): Promise<void> {
  if (flags.pullOnly === true && flags.deployOnly === true)
    throw new UserError('USAGE', 'Cannot simultaneously specify --pull-only and --deploy-only');
  if (flags.pullOnly === true && flags.reboot === true)
    throw new UserError('USAGE', 'Cannot simultaneously specify --pull-only and --reboot');
  if (flags.stage === true) refuseUnbooted(sysroot);
  const merge = presentDeployment(sysroot, flags.os);
  const from = followedRefspec(merge.origin, merge.stateroot);
  const commit = flags.overrideCommit === undefined ? null : parseChecksum(flags.overrideCommit);
  const { refspec, checksum } = await newest(sysroot, { from, commit, merge, flags }, context);
  if (checksum === merge.checksum) return context.out('No update available.\n');
  if (flags.pullOnly === true) return;
  if (commit === null && flags.retryFailed !== true && hasFailed(sysroot, checksum))
    return context.out(failedTreeText(checksum, 'ostree admin upgrade --retry-failed'));
  const origin = upgradedOrigin(merge.origin, refspec);
  await deployNext(sysroot, { merge, checksum, origin, isStaged: flags.stage === true }, context);
  if (flags.reboot === true) rebootNow();
}

/** The commit to deploy and what it is followed by, along the branches that were ended. */
async function newest(
  sysroot: Sysroot,
  wanted: {
    readonly from: Refspec;
    readonly commit: Checksum | null;
    readonly merge: Deployment;
    readonly flags: UpgradeFlags;
  },
  context: CliContext,
): Promise<{ readonly refspec: Refspec; readonly checksum: Checksum }> {
  const { commit, merge, flags } = wanted;
  const notBefore = flags.allowDowngrade === true ? null : merge.checksum;
  let refspec = wanted.from;
  for (let rebases = 0; rebases <= MAX_REBASES; rebases++) {
    if (flags.deployOnly !== true) await pullFollowed(sysroot, { refspec, commit, notBefore }, context);
    const checksum = commit ?? resolveRev(sysroot.repo, formatRefspec(refspec));
    const found = loadCommit(sysroot.repo, checksum);
    const next = commit === null ? endOfLifeRebase(found, refspec) : null;
    if (next === null || formatRefspec(next) === formatRefspec(refspec)) {
      if (notBefore !== null) refuseOlder(datedCommit(sysroot, notBefore), datedCommit(sysroot, checksum));
      return { refspec, checksum };
    }
    context.out(`Rebasing to ${formatRefspec(next)}: ${formatRefspec(refspec)} is at its end of life\n`);
    refspec = next;
  }
  throw new UserError(
    'USAGE',
    `${formatRefspec(wanted.from)} ends in a circle of branches that name each other`,
  );
}

function datedCommit({ repo }: Sysroot, checksum: Checksum): Parameters<typeof refuseOlder>[0] {
  return { checksum, commit: loadCommit(repo, checksum) };
}

async function switchTo(
  sysroot: Sysroot,
  { text, flags }: { readonly text: string; readonly flags: UpgradeFlags },
  context: CliContext,
): Promise<void> {
  const merge = presentDeployment(sysroot, flags.os);
  const refspec = switchedRefspec(originalRefspec(merge.origin, merge.stateroot), text);
  await pullFollowed(sysroot, { refspec, commit: null, notBefore: null }, context);
  const checksum = resolveRev(sysroot.repo, formatRefspec(refspec));
  const origin = refspecOrigin(formatRefspec(refspec));
  await deployNext(sysroot, { merge, checksum, origin, isStaged: false }, context);
  if (flags.reboot === true) rebootNow();
}

function presentDeployment(sysroot: Sysroot, os: string | undefined): Deployment {
  const stateroot = chosenStateroot(sysroot, os);
  const merge = mergeDeployment(sysroot.deployments, sysroot.booted, stateroot);
  if (merge === null) throw new UserError('NO_DEPLOYMENT', `No previous deployment for OS '${stateroot}'`);
  return merge;
}

async function deployNext(
  sysroot: Sysroot,
  next: {
    readonly merge: Deployment;
    readonly checksum: Checksum;
    readonly origin: KeyFile;
    readonly isStaged: boolean;
  },
  context: CliContext,
): Promise<void> {
  const { merge, isStaged } = next;
  cleanUpSysroot(sysroot);
  mountedPartitionOf(sysroot);
  const fresh = deployTree(sysroot, {
    ...next,
    stateroot: merge.stateroot,
    kargs: merge.kargs,
    onEtcMerge: (diff) => context.out(describeEtc(diff)),
  });
  await labelVarOnce(sysroot, fresh);
  if (isStaged) return stage(sysroot, { fresh, merge, isLocked: false }, context);
  const result = bootNext(sysroot, { new: fresh, merge, generateGrub: grubGenerator(sysroot, context) });
  context.out(`${describeSwap(result)}\n`);
}
