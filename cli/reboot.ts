import { spawnSync } from 'node:child_process';
import { UserError } from '#ostree/format/errors.ts';

/** Asks systemd to reboot. @throws UserError NOT_BOOTED where that cannot be done */
export function rebootNow(): void {
  const { status, error } = spawnSync('systemctl', ['reboot'], { stdio: 'inherit' });
  if (status === 0) return;
  throw new UserError('NOT_BOOTED', `systemctl reboot: ${error?.message ?? `exit code ${String(status)}`}`, {
    hint: 'the new deployment is in place: reboot yourself',
  });
}
