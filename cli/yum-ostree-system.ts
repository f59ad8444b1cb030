/** Verbs that look at the deployments or change which one boots: status, rollback, cleanup. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import {
  optionsOf,
  reporterOf,
  sysrootPath,
  waitSeconds,
  type GlobalOptions,
} from '#cli/yum-ostree-options.ts';
import { sysrootOptions, type Sysroot } from '#ostree/sysroot/sysroot.ts';

interface StatusFlags {
  readonly booted?: boolean;
  readonly pendingExit77?: boolean;
  readonly advisories?: boolean;
}
interface CleanupFlags {
  readonly pending?: boolean;
  readonly rollback?: boolean;
  readonly repomd?: boolean;
}

export function addSystemVerbs(program: Command, context: CliContext, result: VerbResult): void {
  program
    .command('status')
    .description('list the deployments')
    .option('-b, --booted', 'only the one that runs')
    .option('-a, --advisories', 'list the advisories of an available update')
    .option('--pending-exit-77', 'exit with 77 where another one than the running one boots next')
    .action(async (_options: object, command: Command) => {
      result.exitCode = await status(optionsOf<StatusFlags>(command), context);
    });
  program
    .command('rollback')
    .description('boot the previous deployment next')
    .action(async (_options: object, command: Command) => rollback(optionsOf(command), context));
  program
    .command('cleanup')
    .description('remove what no deployment needs')
    .option('-b, --base', 'only that (as without an option)')
    .option('-p, --pending', 'also the deployments that would boot before the running one')
    .option('-r, --rollback', 'also the one that rollback would boot')
    .option('-m, --repomd', 'also the metadata of package repositories')
    .action(async (_options: object, command: Command) => cleanup(optionsOf(command), context));
}

async function status(options: GlobalOptions & StatusFlags, context: CliContext): Promise<number> {
  const { readStatus } = await import('#layering/status.ts');
  const { statusJson, statusText } = await import('#cli/status-text.ts');
  const { statusDetails } = await import('#layering/status-details.ts');
  const { runningStatus } = await import('#layering/running-status.ts');
  const { remotesBelow } = await import('#cli/ostree-repo-remotes-directory.ts');
  const { systemForUpdates } = await import('#layering/update-status.ts');
  const { all, updates } = await onSysroot(options, context, async (sysroot) => {
    const running = await runningStatus(sysroot);
    const places = { repo: sysroot.repo, remotes: remotesBelow(context, sysroot.path) };
    const all = readStatus(sysroot, await statusStateroot(sysroot, options.os)).map((one) => {
      const found = running.get(one.id);
      const details = options.json === true ? { details: statusDetails(places, one) } : {};
      return { ...one, ...found, ...details, remarks: [...one.remarks, ...(found?.remarks ?? [])] };
    });
    return { all, updates: systemForUpdates(sysroot, options.os ?? null) };
  });
  const deployments = options.booted === true ? all.filter(({ deployment }) => deployment.isBooted) : all;
  if (options.json === true) printJson(context, statusJson(deployments, updates));
  else if (deployments.length === 0 && all.length > 0)
    context.out(`None of the ${all.length} deployments is booted.\n`);
  else {
    const [verbose, advisories] = [options.verbose === true, options.advisories === true];
    context.out(statusText(deployments, updates, { verbose, advisories }));
  }
  const isPending =
    all.some(({ deployment }) => deployment.isBooted) && all[0]?.deployment.isBooted === false;
  return options.pendingExit77 === true && isPending ? 77 : 0;
}

/** Looks at the sysroot that a verb is for: without its lock, and as it is. */
export async function onSysroot<T>(
  options: GlobalOptions,
  context: CliContext,
  action: (sysroot: Sysroot) => T | Promise<T>,
): Promise<T> {
  const { closeSysroot, openSysroot } = await import('#ostree/sysroot/sysroot.ts');
  const sysroot = openSysroot(context.sys, sysrootPath(options, context), sysrootOptions(context.env));
  try {
    return await action(sysroot);
  } finally {
    closeSysroot(sysroot);
  }
}

/** null for all. @throws UserError NO_STATEROOT where nothing of it is deployed */
async function statusStateroot(sysroot: Sysroot, wanted: string | undefined): Promise<string | null> {
  if (wanted === undefined) return null;
  const { chooseStateroot } = await import('#layering/system.ts');
  return chooseStateroot(sysroot, wanted);
}

async function rollback(options: GlobalOptions, context: CliContext): Promise<void> {
  const { rollBack } = await import('#layering/rollback.ts');
  const reporter = reporterOf(options, context);
  const { treeName, checksum } = await rollBack(choiceOf(options, context, reporter));
  reporter.finish();
  if (options.json === true) printJson(context, { result: 'rolled-back', 'tree-name': treeName, checksum });
  else if (options.quiet !== true) context.out(`${treeName} boots next\n`);
}

async function cleanup(options: GlobalOptions & CleanupFlags, context: CliContext): Promise<void> {
  const { cleanUp } = await import('#layering/cleanup.ts');
  const reporter = reporterOf(options, context);
  const removed = await cleanUp(choiceOf(options, context, reporter), {
    pending: options.pending === true,
    rollback: options.rollback === true,
    metadata: options.repomd === true,
  });
  reporter.finish();
  if (options.json === true) printJson(context, { result: 'cleaned-up', removed });
  else if (options.quiet !== true) for (const line of removed) context.out(`${line}\n`);
}

export function printJson(context: CliContext, value: object): void {
  context.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** The system that a verb is for. */
export function choiceOf(
  options: GlobalOptions,
  context: CliContext,
  reporter: ReturnType<typeof reporterOf>,
) {
  return {
    sys: context.sys,
    path: sysrootPath(options, context),
    stateroot: options.os ?? null,
    options: sysrootOptions(context.env),
    wait: waitSeconds(options),
    progress: reporter.progress,
  };
}
