/** Which units of systemd files belong to, and which of the machine's programs read them. Pure. */
import type { LivePlan } from '#layering/live-plan.ts';

type PathLists = Pick<LivePlan, 'added' | 'replaced' | 'removed'>;

const UNIT_FILE = /^\/(?:usr\/lib|etc)\/systemd\/system\/(.+)$/;

export interface UnitFile {
  readonly unit: string;
  readonly path: string;
}

/** Units that exist already and whose files or drop-ins are other ones now. */
export function changedUnitFiles({ added, replaced, removed }: PathLists): UnitFile[] {
  const changed = [...replaced, ...removed].flatMap((path) => unitFile(path) ?? []);
  const dropIns = added.filter((path) => path.endsWith('.conf')).flatMap((path) => unitFile(path) ?? []);
  return [...changed, ...dropIns];
}

/** null for what is neither a unit's file nor a drop-in of one. */
export function unitFile(path: string): UnitFile | null {
  const [name = '', dropIn] = UNIT_FILE.exec(path)?.[1]?.split('/') ?? [];
  const unit = dropIn === undefined ? name : name.endsWith('.d') ? name.slice(0, -'.d'.length) : '';
  const isDropIn = dropIn?.endsWith('.conf') === true;
  return /.\.[a-z]+$/.test(unit) && (dropIn === undefined || isDropIn) ? { unit, path } : null;
}

/** Whether a unit that runs is the one, or an instance of the template, that a file is of. */
export function isOfUnit(unit: string, file: string): boolean {
  const at = file.indexOf('@.');
  if (at < 0) return unit === file;
  return unit.startsWith(file.slice(0, at + 1)) && unit.endsWith(file.slice(at + 1));
}

/** A program that has to read new files, with its arguments. */
export type SettleCommand = readonly [program: string, ...words: string[]];

/**
 * The files are named without their directories: one of the same name in /etc or /run, as a link to /dev/null that masks
 * it, counts instead.
 * @param hasSystemd systemd runs the machine, and is to read its units anew
 */
export function settleCommands(plan: PathLists, hasSystemd: boolean): SettleCommand[] {
  const changed = [...plan.added, ...plan.replaced];
  const read = (kind: string): string[] => {
    const places = [`/usr/lib/${kind}/`, `/etc/${kind}/`];
    const found = changed.filter((path) => path.endsWith('.conf'));
    const names = found.flatMap((path) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      return places.some((place) => path === place + name) ? [name] : [];
    });
    return [...new Set(names)].sort();
  };
  const [users, files] = [read('sysusers.d'), read('tmpfiles.d')];
  const units = [...changed, ...plan.removed].some((path) => UNIT_FILE.test(path));
  return [
    ...(users.length === 0 ? [] : [['systemd-sysusers', ...users] as const]),
    ...(files.length === 0 ? [] : [['systemd-tmpfiles', '--create', ...files] as const]),
    ...(units && hasSystemd ? [['systemctl', 'daemon-reload'] as const] : []),
  ];
}
