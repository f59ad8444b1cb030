/** Which units are not restarted unless they are named, as needrestart has it: somebody's work hangs on them. Pure. */
import type { UnitOfProcess } from '#layering/running-proc.ts';

/** What is known of the machine for that. */
export interface RestartCare {
  /** What this very command runs in. */
  readonly own: Pick<UnitOfProcess, 'unit' | 'userUnit'>;
  /** The unit that display-manager.service stands for; null where none does. */
  readonly displayManager: string | null;
}

export const NO_CARE: RestartCare = { own: { unit: null, userUnit: null }, displayManager: null };

export const BUSES = ['dbus.service', 'dbus-broker.service'];
const LOGINS = ['systemd-logind.service', 'elogind.service'];
const DISPLAY_MANAGERS =
  /^(?:display-manager|gdm3?|sddm|lightdm|lxdm|xdm|wdm|kdm|nodm|slim|ly|entrance|cosmic-greeter|plasmalogin|greetd)(?:@.*)?\.service$/;
const TERMINALS = /^(?:(?:serial-|console-|container-)?getty(?:@.*)?|kmsconvt@.*|emergency|rescue)\.service$/;

/** What would be lost; null for a unit that is restarted with all others. */
export function lostByRestart(
  { unit, userUnit }: Pick<UnitOfProcess, 'unit' | 'userUnit'>,
  { own, displayManager }: RestartCare,
): string | null {
  if (unit === null) return null;
  if (unit === own.unit && userUnit === own.userUnit) return 'this command runs in it';
  if (userUnit !== null) return null;
  if (BUSES.includes(unit)) return 'what uses the message bus does not find it again';
  if (LOGINS.includes(unit)) return 'it keeps the sessions and their devices';
  if (unit === displayManager || DISPLAY_MANAGERS.test(unit)) return 'it ends the graphical sessions';
  return TERMINALS.test(unit) ? 'it ends the session on its terminal' : null;
}
