/** What the `ostree admin` verbs share: opening and locking the sysroot, choosing deployments and stateroots. */
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { UserError } from '#ostree/format/errors.ts';
import { staterootsOf } from '#ostree/sysroot/cleanup.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { LockWait } from '#ostree/sysroot/lock.ts';
import { waitingText, withLockedSysroot, type SysrootPlace } from '#ostree/sysroot/locked-sysroot.ts';
import { closeSysroot, openSysroot, sysrootOptions, type Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface SysrootFlags {
  readonly sysroot?: string;
}

/** A verb of `admin` with the options that all of them take. */
export function adminVerb(admin: Command, usage: string, description: string): Command {
  return admin
    .command(usage)
    .description(description)
    .option('--sysroot <path>', 'the sysroot (default: OSTREE_SYSROOT, or /)')
    .option('-v, --verbose', 'print more')
    .hook('preAction', (_, verb) => inheritSysroot(verb))
    .exitOverride();
}

/** `admin --sysroot PATH VERB` is the same as `admin VERB --sysroot PATH`. */
export function inheritSysroot(verb: Command): void {
  for (let parent = verb.parent; parent !== null; parent = parent.parent) {
    const path: unknown = parent.opts()['sysroot'];
    if (verb.opts()['sysroot'] === undefined && typeof path === 'string')
      verb.setOptionValue('sysroot', path);
  }
}

export function sysrootPath(flags: SysrootFlags, context: CliContext): string {
  return flags.sysroot ?? context.env['OSTREE_SYSROOT'] ?? '/';
}

/** Opens the sysroot to look at it. */
export async function readSysroot(
  flags: SysrootFlags,
  context: CliContext,
  action: (sysroot: Sysroot) => void | Promise<void>,
): Promise<void> {
  const sysroot = openSysroot(context.sys, sysrootPath(flags, context), sysrootOptions(context.env));
  try {
    await action(sysroot);
  } finally {
    closeSysroot(sysroot);
  }
}

/** Opens, locks and reads the sysroot to change it; waits for who has the lock, and says so. */
export async function changeSysroot<T>(
  flags: SysrootFlags,
  context: CliContext,
  action: (sysroot: Sysroot) => T | Promise<T>,
): Promise<T> {
  const how: LockWait = {
    wait: null,
    onWait: (holder) => context.err(waitingText(holder)),
    pause: async (milliseconds) => setTimeout(milliseconds),
  };
  return withLockedSysroot(placeOf(flags, context), how, action);
}

function placeOf(flags: SysrootFlags, context: CliContext): SysrootPlace {
  return { sys: context.sys, path: sysrootPath(flags, context), options: sysrootOptions(context.env) };
}

/** The stateroot a verb means: named, the booted one's, or the only one. @throws UserError USAGE */
export function chosenStateroot(sysroot: Sysroot, named: string | undefined): string {
  const found = named ?? sysroot.booted?.stateroot;
  if (found !== undefined) return found;
  const all = staterootsOf(sysroot);
  if (all.length === 1 && all[0] !== undefined) return all[0];
  throw new UserError('USAGE', 'Not currently booted into an OSTree system: which stateroot is meant?', {
    hint:
      all.length === 0 ? `'ostree admin stateroot-init NAME' makes one` : `--os is one of ${all.join(', ')}`,
  });
}

/** The deployment at a position that the user typed. @throws UserError USAGE */
export function deploymentAt(sysroot: Sysroot, text: string): Deployment {
  const index = Number(text);
  if (text.trim() === '' || !Number.isInteger(index) || index < 0)
    throw new UserError('USAGE', `Invalid index: ${text}`);
  const found = sysroot.deployments[index];
  if (found === undefined)
    throw new UserError(
      'USAGE',
      `Out of range deployment index ${index}, expected < ${sysroot.deployments.length}`,
    );
  return found;
}

/** Collects an option that may be given several times. */
export function several(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
