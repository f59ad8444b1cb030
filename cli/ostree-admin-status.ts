/** `ostree admin status` and `--print-current-dir`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, readSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { signatureLines } from '#cli/ostree-admin-signatures.ts';
import { fallbackFacts, fallbackLines } from '#bootloader/fallback-report.ts';
import { readFallback, type FallbackState } from '#bootloader/fallback-state.ts';
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import { findSoftRebootTarget, requireBooted } from '#ostree/sysroot/booted.ts';
import { commitFacts, placeFacts } from '#ostree/sysroot/deployment-facts.ts';
import {
  deploymentName,
  deploymentPath,
  isSameDeployment,
  type Deployment,
} from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf } from '#ostree/sysroot/unlock.ts';

interface StatusFlags extends SysrootFlags {
  readonly json?: boolean;
  readonly skipSignatures?: boolean;
  readonly isDefault?: boolean;
}

export function addStatusVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'status', 'List deployments')
    .option('--json', 'as JSON')
    .option('-V, --verify', 'accepted: signatures are always shown where the remote verifies')
    .option('-S, --skip-signatures', 'do not look at signatures')
    .option('-D, --is-default', "print 'default' or 'not-default' for the booted deployment")
    .action((flags: StatusFlags) =>
      readSysroot(flags, context, (sysroot) => context.out(statusText(sysroot, flags, context))),
    );
}

/** The directory of the deployment that boots next. @throws UserError NO_DEPLOYMENT */
export function currentDirectory(sysroot: Sysroot): string {
  const [first] = sysroot.deployments;
  if (first === undefined) throw new UserError('NO_DEPLOYMENT', 'Unable to find a deployment in sysroot');
  return path.resolve(sysroot.path, deploymentPath(first));
}

function statusText(sysroot: Sysroot, flags: StatusFlags, context: CliContext): string {
  if (flags.isDefault === true) return isDefaultText(sysroot);
  if (flags.json === true) return `${JSON.stringify(statusJson(sysroot), null, 2)}\n`;
  if (sysroot.deployments.length === 0) return 'No deployments.\n';
  const signatures = (deployment: Deployment): string[] =>
    flags.skipSignatures === true
      ? []
      : signatureLines(sysroot, deployment, context).map((line) => `${line}\n`);
  const fallback = readFallback(sysroot);
  return sysroot.deployments
    .map((deployment) => [deploymentText(sysroot, fallback, deployment), ...signatures(deployment)].join(''))
    .join('');
}

function isDefaultText(sysroot: Sysroot): string {
  const booted = requireBooted(sysroot);
  return sysroot.deployments.find(({ isStaged }) => !isStaged) === booted ? 'default\n' : 'not-default\n';
}

function deploymentText(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): string {
  const { version, sourceTitle } = commitFacts(sysroot, deployment);
  const role = roleOf(sysroot, deployment);
  const unlocked = unlockedOf(sysroot, deployment);
  const lines = [
    `${deployment.isBooted ? '*' : ' '} ${deployment.stateroot} ${deploymentName(deployment)}${role === null ? '' : ` (${role})`}${isSoftRebootTarget(sysroot, deployment) ? ' (soft-reboot)' : ''}`,
    version === null ? null : `    Version: ${version}`,
    unlocked === null ? null : `    Unlocked: ${unlocked}`,
    deployment.isPinned ? '    Pinned: yes' : null,
    ...fallbackLines(sysroot, fallback, deployment),
    ...originLines(deployment),
    sourceTitle === null ? null : `    \`- ${sourceTitle}`,
  ];
  return lines
    .filter((line) => line !== null)
    .map((line) => `${line}\n`)
    .join('');
}

function originLines({ origin }: Deployment): string[] {
  if (origin === null) return ['    origin: none'];
  const refspec = keyFileString(origin, 'origin', 'refspec');
  return [refspec === null ? '    origin: <unknown origin type>' : `    origin refspec: ${refspec}`];
}

type Role = 'finalization locked' | 'staged' | 'pending' | 'rollback' | null;

/** Only a booted system has a next and a previous deployment: the ones of its stateroot around the booted one. */
function roleOf({ booted, deployments }: Sysroot, deployment: Deployment): Role {
  if (deployment.isStaged) return deployment.isLocked === true ? 'finalization locked' : 'staged';
  if (booted === null || deployment.stateroot !== booted.stateroot) return null;
  const same = deployments.filter(({ stateroot }) => stateroot === booted.stateroot);
  const at = same.findIndex((one) => isSameDeployment(one, booted));
  if (at > 0 && same[0] === deployment) return 'pending';
  return same[at + 1] === deployment ? 'rollback' : null;
}

function isSoftRebootTarget({ sys, fd, booted, deployments }: Sysroot, deployment: Deployment): boolean {
  return booted !== null && findSoftRebootTarget(sys, fd, deployments) === deployment;
}

function statusJson(sysroot: Sysroot): object {
  const fallback = readFallback(sysroot);
  return {
    deployments: sysroot.deployments.map((deployment) => deploymentJson(sysroot, fallback, deployment)),
  };
}

function deploymentJson(sysroot: Sysroot, fallback: FallbackState, deployment: Deployment): object {
  const { version, sourceTitle } = commitFacts(sysroot, deployment);
  const role = roleOf(sysroot, deployment);
  return {
    ...placeFacts(deployment),
    pending: role === 'pending',
    rollback: role === 'rollback',
    'finalization-locked': deployment.isLocked === true,
    'soft-reboot-target': isSoftRebootTarget(sysroot, deployment),
    staged: deployment.isStaged,
    pinned: deployment.isPinned,
    unlocked: unlockedOf(sysroot, deployment) ?? 'none',
    ...fallbackFacts(sysroot, fallback, deployment),
    ...(version === null ? {} : { version }),
    ...(sourceTitle === null ? {} : { 'source-title': sourceTitle }),
  };
}
