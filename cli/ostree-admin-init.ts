/** `ostree admin init-fs`, `stateroot-init` (`os-init`), `pin` and `set-origin`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import {
  adminVerb,
  changeSysroot,
  deploymentAt,
  several,
  type SysrootFlags,
} from '#cli/ostree-admin-context.ts';
import { UserError } from '#ostree/format/errors.ts';
import { EMPTY_KEYFILE, formatKeyFile, withKey } from '#ostree/format/keyfile.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import { writeConfig } from '#ostree/repo/repo.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { originRefspec, type Deployment } from '#ostree/sysroot/deployment.ts';
import { initStateroot, initSysroot, type SysrootEpoch } from '#ostree/sysroot/init-sysroot.ts';
import { setPinned, updateOrigin } from '#ostree/sysroot/origin.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

interface InitFlags extends SysrootFlags {
  readonly modern?: boolean;
  readonly epoch?: string;
}

interface OriginFlags extends SysrootFlags {
  readonly index?: string;
  readonly set: readonly string[];
}

export function addInitVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'init-fs <path>', 'Initialize a root filesystem')
    .option('--modern', 'only /boot and /ostree, the same as --epoch=1')
    .option('--epoch <number>', '0, 1 or 2')
    .action((path: string, flags: InitFlags) => initSysroot(context.sys, path, epochOf(flags)));
  adminVerb(admin, 'stateroot-init <name>', 'Initialize empty state for a system')
    .alias('os-init')
    .action(async (name: string, flags: SysrootFlags) =>
      changeSysroot(flags, context, (sysroot) => {
        initStateroot(sysroot, name);
        context.out(`ostree/deploy/${name} initialized as OSTree stateroot\n`);
      }),
    );
  adminVerb(admin, 'pin <index...>', 'Change the "pinning" state of deployments')
    .option('-u, --unpin', 'let them be replaced again')
    .action(async (indices: string[], flags: SysrootFlags & { readonly unpin?: boolean }) =>
      changeSysroot(flags, context, (sysroot) => {
        for (const index of indices) pin(sysroot, { index, pinned: flags.unpin !== true }, context);
      }),
    );
  adminVerb(admin, 'set-origin <remote> <url> [branch]', 'Set Origin and create a new origin file')
    .option('--index <index>', 'operate on the deployment INDEX, starting from zero')
    .option('-s, --set <key=value>', 'set an option of the remote', several, [])
    .action(async (remote: string, url: string, branch: string | undefined, flags: OriginFlags) =>
      changeSysroot(flags, context, (sysroot) => setOrigin(sysroot, { remote, url, branch }, flags)),
    );
}

function epochOf(flags: InitFlags): SysrootEpoch {
  if (flags.epoch === undefined) return flags.modern === true ? 1 : 0;
  const epoch = Number(flags.epoch);
  if (epoch === 0 || epoch === 1 || epoch === 2) return epoch;
  throw new UserError('USAGE', `Invalid epoch '${flags.epoch}': 0, 1 and 2 are known`);
}

export function pin(
  sysroot: Sysroot,
  { index, pinned }: { readonly index: string; readonly pinned: boolean },
  context: CliContext,
): void {
  const target = namedDeployment(sysroot, index);
  if (target.isStaged) throw new UserError('STAGED', 'Cannot pin staged deployment');
  const word = pinned ? 'pinned' : 'unpinned';
  const isAlready = target.isPinned === pinned;
  if (!isAlready) setPinned(sysroot, target, pinned);
  context.out(`Deployment ${index} is ${isAlready ? 'already' : 'now'} ${word}\n`);
}

function namedDeployment(sysroot: Sysroot, text: string): Deployment {
  const { booted, deployments } = sysroot;
  if (text !== 'booted' && text !== 'pending' && text !== 'rollback') return deploymentAt(sysroot, text);
  const at = booted === null ? -1 : deployments.indexOf(booted);
  const offset = text === 'booted' ? 0 : text === 'pending' ? -1 : 1;
  const found = at < 0 ? undefined : deployments[at + offset];
  if (found === undefined) throw new UserError('NO_DEPLOYMENT', `No ${text} deployment found`);
  return found;
}

function setOrigin(
  sysroot: Sysroot,
  to: { readonly remote: string; readonly url: string; readonly branch: string | undefined },
  flags: OriginFlags,
): void {
  const target = flags.index === undefined ? requireBooted(sysroot) : deploymentAt(sysroot, flags.index);
  const refspec = originRefspec(target);
  const branch = to.branch ?? (refspec === null ? undefined : parseRefspec(refspec).ref);
  if (branch === undefined) throw new UserError('USAGE', 'the deployment follows no branch: name one');
  parseRefspec(`${to.remote}:${branch}`);
  const group = `remote "${to.remote}"`;
  const withUrl = withKey(sysroot.repo.config, group, 'url', to.url);
  const config = flags.set.reduce((file, pair) => {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new UserError('USAGE', `'${pair}' is not KEY=VALUE`);
    return withKey(file, group, pair.slice(0, equals), pair.slice(equals + 1));
  }, withUrl);
  writeConfig(sysroot.sys, sysroot.repo.fd, formatKeyFile(config));
  const origin = withKey(target.origin ?? EMPTY_KEYFILE, 'origin', 'refspec', `${to.remote}:${branch}`);
  updateOrigin(sysroot, target, origin);
}
