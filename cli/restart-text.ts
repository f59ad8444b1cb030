/** What is said of services that need a restart or had one, for people and for programs. Pure. */
import { shownWord } from '#cli/report-error.ts';
import { isoTime } from '#cli/report.ts';
import type { RestartResult } from '#layering/live-record.ts';
import { restartCommand } from '#layering/restart-command.ts';
import type { NeededRestart } from '#layering/running-audit.ts';

/** @param others units that were named without a reason to */
export function restartsText(
  results: readonly RestartResult[],
  needed: readonly NeededRestart[],
  others: readonly string[],
): string {
  const lines = [
    ...restartsLines(results, needed),
    ...others.map((unit) => `${unit} needs no restart: it does not run, or runs what is there now`),
  ];
  return (lines.length === 0 ? ['Nothing needs a restart.'] : lines)
    .map((text) => `${shownWord(text)}\n`)
    .join('');
}

export function restartsJson(results: readonly RestartResult[], needed: readonly NeededRestart[]): object {
  return {
    restarted: results.map(restartJson),
    restarts: needed.map((one) => ({
      unit: one.unit,
      'user-unit': one.userUnit,
      by: one.by,
      command: restartCommand(one),
      loses: one.loses,
      reasons: one.reasons,
    })),
  };
}

export function restartJson({ unit, userUnit, by, time, reasons, failure }: RestartResult): object {
  return { unit, 'user-unit': userUnit, by, time, reasons, failure };
}

/** `restarted sshd.service at TIME`. */
export function restartText({ unit, userUnit, time, failure }: RestartResult): string {
  const name = userUnit ?? unit;
  return failure === null
    ? `restarted ${name} at ${isoTime(time)}`
    : `${name} did not restart at ${isoTime(time)}: ${failure}`;
}

export function restartsLines(results: readonly RestartResult[], needed: readonly NeededRestart[]): string[] {
  return [...results.map(restartText), ...needed.flatMap(restartLines)];
}

const HOW: Readonly<Record<NeededRestart['by'], string>> = {
  restart: 'restart',
  'user-restart': 'restart (of a user)',
  reexec: "restart with 'systemctl daemon-reexec'",
  'log-out': 'ends with its session',
  reboot: 'restart by a reboot',
};

/** A unit that needs a restart, and why. */
export function restartLines({ unit, userUnit, by, loses, processes, reasons }: NeededRestart): string[] {
  const name = [unit ?? 'in no unit', ...(userUnit === null ? [] : [userUnit])].join(' ');
  const who = processes.map(({ pid, name: program }) => `${program} ${pid}`).join(', ');
  const care = loses === null || by === 'log-out' ? [] : [`  not restarted unless named: ${loses}`];
  return [`${HOW[by]}: ${name} (${who})`, ...reasons.map((reason) => `  ${reason}`), ...care];
}
