/** How a unit is restarted. Pure. */
import type { NeededRestart } from '#layering/running-audit.ts';

/** What makes a unit run the files that are there now; null where only its end, or a reboot, does. Pure. */
export function restartCommand({
  unit,
  userUnit,
  by,
  processes,
}: NeededRestart): readonly [string, ...string[]] | null {
  const user = processes[0]?.uid;
  switch (by) {
    case 'restart':
      return unit === null ? null : ['systemctl', 'restart', '--', unit];
    case 'user-restart':
      return userUnit === null || user === undefined
        ? null
        : ['systemctl', '--user', `--machine=${user}@`, 'restart', '--', userUnit];
    case 'reexec':
      return ['systemctl', 'daemon-reexec'];
    case 'log-out':
    case 'reboot':
      return null;
  }
}
