/** `ostree admin status` and `--print-current-dir`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, readSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { signatureLines } from '#cli/ostree-admin-signatures.ts';
import { deploymentFacts, deploymentText } from '#bootloader/deployment-status.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import { UserError } from '#ostree/format/errors.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

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

function statusJson(sysroot: Sysroot): object {
  const fallback = readFallback(sysroot);
  return {
    deployments: sysroot.deployments.map((deployment) => deploymentFacts(sysroot, fallback, deployment)),
  };
}
