/** How a unit is restarted. Pure. */
import type { NeededRestart } from '#layering/running-audit.ts';

type Words = readonly [string, ...string[]];

/**
 * What makes a unit run the files that are there now; null where only its end does.
 * @param isOwn it is the unit of the process that asks, which does not see the end of it
 */
export function restartCommand(
  { unit, userUnit, by, processes }: NeededRestart,
  isOwn = false,
): Words | null {
  const user = processes[0]?.uid;
  const restart = isOwn ? (['--no-block', 'restart'] as const) : (['restart'] as const);
  switch (by) {
    case 'restart':
    case 'reboot':
      return unit === null ? null : ['systemctl', ...restart, '--', unit];
    case 'user-restart':
      return userUnit === null || user === undefined
        ? null
        : ['systemctl', '--user', `--machine=${user}@`, ...restart, '--', userUnit];
    case 'reexec':
      return ['systemctl', 'daemon-reexec'];
    case 'log-out':
      return null;
  }
}
