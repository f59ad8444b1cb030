/** Verbs that change what runs: apply-live, restart-services. */
import type { CliContext } from '#cli/context.ts';
import { interruptible } from '#cli/interrupt.ts';
import { liveJson, liveText } from '#cli/live-text.ts';
import { restartsJson, restartsText } from '#cli/restart-text.ts';
import { reporterOf, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { choiceOf, onSysroot, printJson } from '#cli/yum-ostree-system.ts';
import { UserError } from '#ostree/format/errors.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { openMountNamespace } from '#ostree/sysroot/mount-namespace.ts';
import { applyLive, HOW_ON } from '#layering/apply-live.ts';
import { unitName } from '#layering/mask-units.ts';
import type { RestartResult } from '#layering/live-record.ts';
import type { Progress } from '#layering/progress.ts';
import { NO_CARE, type RestartCare } from '#layering/restart-care.ts';
import { restartCommand } from '#layering/restart-command.ts';
import { restartServices } from '#layering/restart-services.ts';
import { neededRestarts, type NeededRestart } from '#layering/running-audit.ts';
import { readRunning } from '#layering/running.ts';

export interface LiveFlags extends GlobalOptions {
  readonly target?: string;
  readonly reset?: boolean;
  readonly allowReplacement?: boolean;
  readonly dryRun?: boolean;
  readonly restart?: boolean;
}

export interface RestartFlags extends GlobalOptions {
  readonly dryRun?: boolean;
  readonly proc?: string;
}

/**
 * @param machine the machine's mount namespace, opened before anything of the sysroot was; it is closed here
 * @returns the exit code: 0; 1 where something failed after the files were there
 */
export async function runApplyLive(
  flags: LiveFlags,
  context: CliContext,
  machine = openMountNamespace(context.sys),
): Promise<number> {
  if (flags.reset === true && flags.target !== undefined)
    throw new UserError('USAGE', '--reset goes back to the tree that was booted: it takes no --target');
  const reporter = reporterOf(flags, context);
  return interruptible(
    async (signal) => {
      const wish = {
        target: flags.target ?? null,
        reset: flags.reset === true,
        allowReplacement: flags.allowReplacement === true,
        dryRun: flags.dryRun === true,
        ...{ machine, signal },
      };
      const outcome = await applyLive(choiceOf(flags, context, reporter), wish).finally(() =>
        reporter.finish(),
      );
      const { needed, own } =
        outcome.kind === 'applied' ? await restartsNow(flags, context, []) : NO_RESTARTS;
      const life = { flags, context, signal, own, ...reporter };
      const restarted = flags.restart === true ? await restart(harmless(needed), life) : [];
      if (flags.json === true) printJson(context, liveJson(outcome, needed, restarted));
      else if (flags.quiet !== true) context.out(liveText(outcome, needed, restarted));
      for (const failure of outcome.failures) context.err(`warning: ${failure}\n`);
      return outcome.failures.length + failed(restarted) === 0 ? 0 : 1;
    },
    () => `what runs is half changed: ${HOW_ON}`,
  ).finally(() => context.sys.close(machine));
}

/** Looks where it is called at what the sysroot is, and which mount namespace is the machine's. @throws UserError NOT_BOOTED */
export async function applyLiveLater(
  flags: GlobalOptions,
  context: CliContext,
): Promise<() => Promise<number>> {
  await onSysroot(flags, context, requireBooted);
  const machine = openMountNamespace(context.sys);
  return () => runApplyLive(flags, context, machine);
}

/** @param units those that are meant; none for all that need it. @returns 0, or 1 where one did not restart */
export async function runRestartServices(
  units: readonly string[],
  flags: RestartFlags,
  context: CliContext,
): Promise<number> {
  const reporter = reporterOf(flags, context);
  const names = units.map(unitName);
  const { needed, own } = await restartsNow(flags, context, names);
  return interruptible(
    async (signal) => {
      const meant = names.length === 0 ? harmless(needed) : needed;
      const life = { flags, context, signal, own, ...reporter };
      const results = flags.dryRun === true ? [] : await restart(meant, life);
      reporter.finish();
      const still = flags.dryRun === true ? needed : (await restartsNow(flags, context, names)).needed;
      const others = names.filter((name) => !needed.some((one) => isNamed(one, name)));
      if (flags.json === true) printJson(context, { ...restartsJson(results, still), 'not-needed': others });
      else if (flags.quiet !== true) context.out(restartsText(results, still, others));
      return failed(results) === 0 ? 0 : 1;
    },
    () => 'services that were restarted stay so',
  );
}

/** Those that need not be named. */
function harmless(needed: readonly NeededRestart[]): NeededRestart[] {
  return needed.filter(({ loses }) => loses === null);
}

function failed(results: readonly RestartResult[]): number {
  return results.filter(({ failure }) => failure !== null).length;
}

interface Restarts {
  readonly needed: readonly NeededRestart[];
  readonly own: RestartCare['own'];
}

const NO_RESTARTS: Restarts = { needed: [], own: NO_CARE.own };

async function restartsNow(
  flags: RestartFlags,
  context: CliContext,
  units: readonly string[],
): Promise<Restarts> {
  const { all, own } = await onSysroot(flags, context, (sysroot) => {
    requireBooted(sysroot);
    const report = readRunning(sysroot, flags.proc ?? '/proc');
    return { all: neededRestarts(report), own: report.care.own };
  });
  const isMeant = (one: NeededRestart): boolean => units.some((name) => isNamed(one, name));
  return { needed: units.length === 0 ? all : all.filter(isMeant), own };
}

function isNamed({ unit, userUnit }: NeededRestart, name: string): boolean {
  return (userUnit ?? unit) === name;
}

interface RestartRun {
  readonly flags: GlobalOptions;
  readonly context: CliContext;
  readonly own: RestartCare['own'];
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function restart(
  needed: readonly NeededRestart[],
  { flags, context, own, signal, progress }: RestartRun,
): Promise<RestartResult[]> {
  const possible = needed.filter((one) => restartCommand(one) !== null);
  if (possible.length === 0) return [];
  return onSysroot(flags, context, (sysroot) =>
    restartServices(possible, { sys: context.sys, booted: requireBooted(sysroot), own, progress, signal }),
  );
}
