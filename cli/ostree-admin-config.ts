/** `ostree admin config-diff` and `reset --config`: the local changes of /etc. */
import type { Command } from 'commander';
import path from 'node:path';
import type { CliContext } from '#cli/context.ts';
import { configContent } from '#cli/ostree-admin-config-content.ts';
import {
  adminVerb,
  changeSysroot,
  chosenStateroot,
  readSysroot,
  several,
  type SysrootFlags,
} from '#cli/ostree-admin-context.ts';
import { grubGenerator } from '#cli/ostree-admin-grub.ts';
import { bootNext, describeSwap } from '#bootloader/next-boot.ts';
import { mergeDeployment } from '#bootloader/list-policy.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { configDiff } from '#ostree/sysroot/apply-etc.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { deploymentPath, originRefspec, type Deployment } from '#ostree/sysroot/deployment.ts';
import { etcPath, keepEtc } from '#ostree/sysroot/keep-etc.ts';
import { copiedOrigin } from '#ostree/sysroot/origin.ts';
import { previewEtc } from '#ostree/sysroot/preview-etc.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

interface ConfigDiffFlags extends SysrootFlags {
  readonly os?: string;
  readonly mergePreview?: boolean;
  readonly to?: string;
  readonly content?: string;
}

interface ResetFlags extends SysrootFlags {
  readonly os?: string;
  readonly config?: boolean;
  readonly keep: readonly string[];
}

export function addConfigVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'config-diff', 'Diff current /etc configuration versus default')
    .option('--os <name>', 'the stateroot (default: the booted one)')
    .option('--merge-preview', 'what a deploy would carry over; fails where a deploy would')
    .option(
      '--to <rev>',
      'with --merge-preview: a deploy of this (default: what is staged, or what is followed)',
    )
    .option('--content <path>', 'the changed lines of one file')
    .action((flags: ConfigDiffFlags) =>
      readSysroot(flags, context, (sysroot) => showConfig(sysroot, flags, context)),
    );
  adminVerb(admin, 'reset', 'Deploy the present tree anew, without the local changes')
    .option('--config', 'with the default /etc')
    .option('--keep <path>', 'a path of /etc that stays as it is locally', several, [])
    .option('--os <name>', 'the stateroot (default: the booted one)')
    .action(async (flags: ResetFlags) =>
      changeSysroot(flags, context, (sysroot) => resetConfig(sysroot, flags, context)),
    );
}

function showConfig(sysroot: Sysroot, flags: ConfigDiffFlags, context: CliContext): void {
  const deployment = presentDeployment(sysroot, flags.os);
  if (flags.content !== undefined) {
    const root = path.resolve(sysroot.path, deploymentPath(deployment));
    return context.out(configContent(root, etcPath(flags.content)));
  }
  if (flags.mergePreview === true) return preview(sysroot, { deployment, to: flags.to }, context);
  const farm = sysroot.sys.open(sysroot.fd, deploymentPath(deployment), ['read', 'directory']);
  try {
    const { modified, removed, added } = configDiff(sysroot.sys, farm);
    context.out([...rows('M', modified), ...rows('D', removed), ...rows('A', added)].join(''));
  } finally {
    sysroot.sys.close(farm);
  }
}

/** @throws UserError ETC_CONFLICT naming all that would make a deploy fail */
function preview(
  sysroot: Sysroot,
  { deployment, to }: { readonly deployment: Deployment; readonly to: string | undefined },
  context: CliContext,
): void {
  const { diff, shadowed, conflicts } = previewEtc(sysroot, deployment, target(sysroot, deployment, to));
  const isShadowed = new Set(shadowed);
  const plain = diff.modified.filter((file) => !isShadowed.has(file));
  const failing = conflicts.map((conflict) => conflict.path);
  context.out(
    [
      ...rows('M', plain),
      ...rows('K', shadowed),
      ...rows('D', diff.removed),
      ...rows('A', diff.added),
      ...rows('!', failing),
    ].join(''),
  );
  if (conflicts.length === 0) return;
  const lines = conflicts.map(({ message }) => `\n  ${message}`).join('');
  throw new UserError('ETC_CONFLICT', `/etc cannot be merged:${lines}`, {
    hint: `move ${failing.map((file) => `/etc/${file}`).join(', ')} away before the deploy`,
  });
}

function target(sysroot: Sysroot, deployment: Deployment, to: string | undefined): Checksum {
  if (to !== undefined) return resolveRev(sysroot.repo, to);
  const staged = sysroot.deployments.find((one) => one.isStaged && one.stateroot === deployment.stateroot);
  if (staged !== undefined) return staged.checksum;
  const refspec = originRefspec(deployment);
  if (refspec === null) throw new UserError('USAGE', 'the deployment follows no ref: --to names a commit');
  return resolveRev(sysroot.repo, refspec);
}

function rows(letter: string, paths: readonly string[]): string[] {
  return paths.map((file) => `${letter}    ${file}\n`);
}

function resetConfig(sysroot: Sysroot, flags: ResetFlags, context: CliContext): void {
  if (flags.config !== true)
    throw new UserError('USAGE', 'what is to be reset?', { hint: '--config resets /etc' });
  const present = presentDeployment(sysroot, flags.os);
  const kept = flags.keep.map(etcPath);
  cleanUpSysroot(sysroot);
  const { stateroot, checksum, kargs } = present;
  const origin = copiedOrigin(present.origin);
  const fresh = deployTree(sysroot, { stateroot, checksum, kargs, origin, merge: null });
  keepAll(sysroot, { from: present, to: fresh }, kept);
  const options = { new: fresh, merge: present, generateGrub: grubGenerator(sysroot, context) };
  const result = bootNext(sysroot, options);
  context.out(`${describeSwap(result)}\nThe next boot has the default /etc\n`);
}

/** Until the list is written nothing refers to the new deployment: where this fails the next cleanup removes it. */
function keepAll(
  { sys, fd }: Sysroot,
  { from, to }: { readonly from: Deployment; readonly to: Deployment },
  paths: readonly string[],
): void {
  const farms = [from, to].map((one) => sys.open(fd, deploymentPath(one), ['read', 'directory', 'nofollow']));
  const [source = -1, destination = -1] = farms;
  try {
    for (const one of paths) keepEtc(sys, source, destination, one);
  } finally {
    farms.forEach((farm) => sys.close(farm));
  }
}

function presentDeployment(sysroot: Sysroot, os: string | undefined): Deployment {
  const stateroot = chosenStateroot(sysroot, os);
  const listed = sysroot.deployments.filter((one) => !one.isStaged);
  const deployment = mergeDeployment(listed, sysroot.booted, stateroot);
  if (deployment === null) throw new UserError('NO_DEPLOYMENT', `No deployment for OS '${stateroot}'`);
  return deployment;
}
