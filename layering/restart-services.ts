/** Restarts the services that run files which are gone or of another tree, and records how that went. */
import type { Syscalls } from '#native/syscalls.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { addRestarts, type RestartResult } from '#layering/live-record.ts';
import type { Progress } from '#layering/progress.ts';
import { restartCommand } from '#layering/restart-command.ts';
import type { RestartCare } from '#layering/restart-care.ts';
import type { NeededRestart } from '#layering/running-audit.ts';
import { runCommand } from '#layering/run-command.ts';

export interface RestartLife {
  readonly sys: Syscalls;
  readonly booted: Deployment;
  /** The unit of this process. */
  readonly own: RestartCare['own'];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * That of this command itself is the last, and only asked for: it ends this process.
 * One after the other, each result recorded before the next: a signal or crash leaves those that were restarted, and a
 * record of them.
 */
export async function restartServices(
  restarts: readonly NeededRestart[],
  { sys, booted, own, progress, signal }: RestartLife,
): Promise<RestartResult[]> {
  const results: RestartResult[] = [];
  const isOwn = ({ unit, userUnit }: NeededRestart): boolean =>
    unit === own.unit && userUnit === own.userUnit;
  for (const one of [...restarts.filter((each) => !isOwn(each)), ...restarts.filter(isOwn)]) {
    const command = restartCommand(one, isOwn(one));
    if (command === null) continue;
    signal.throwIfAborted();
    const unit = one.unit ?? '';
    progress({ kind: 'stage', stage: 'deploy', text: `Restarting ${one.userUnit ?? unit}` });
    const failure = await runCommand(command, signal);
    const { userUnit, by, reasons } = one;
    const result: RestartResult = { unit, userUnit, by, time: sys.now(), reasons, failure };
    addRestarts(sys, booted, [result]);
    results.push(result);
  }
  return results;
}
