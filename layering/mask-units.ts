/** Units that systemd must not start: links to /dev/null in /etc/systemd/system, as `systemctl mask` makes them. */
import fs from 'node:fs';
import path from 'node:path';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { deploymentPath } from '#ostree/sysroot/deployment.ts';
import { joined } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories } from '#ostree/sysroot/write-file.ts';
import { isMasked, NOTHING, UNITS } from '#layering/masked-units.ts';
import { withSystem, type System, type SystemChoice } from '#layering/system.ts';

export interface MaskedUnit {
  readonly unit: string;
  readonly isChanged: boolean;
  /** The tree has such a unit. */
  readonly isKnown: boolean;
}

const TYPES = [
  'service',
  'socket',
  'timer',
  'path',
  'mount',
  'automount',
  'swap',
  'target',
  'scope',
  'slice',
  'device',
];
const LONGEST = 255;

/** A unit's full name; one without a type is a service. @throws UserError USAGE */
export function unitName(text: string): string {
  const hasType = TYPES.some((type) => text.endsWith(`.${type}`));
  const name = hasType ? text : `${text}.service`;
  const isAllowed = /^(-\.|[A-Za-z0-9:_\\])[A-Za-z0-9:_.\\@-]*$/.test(text) && name.length <= LONGEST;
  if (!isAllowed) throw new UserError('USAGE', `'${text}' cannot be the name of a unit`);
  return name;
}

/**
 * Masks or unmasks units in the /etc that runs and in that of a deployment that boots before it (a staged one takes over
 * the first at shutdown); of a system that is not booted, in that of the deployment that boots next. Each link is one
 * system call: a crash leaves those that were made.
 * @throws UserError UNIT_FILE where a file of the machine's own stands there
 */
export async function maskUnits(
  choice: SystemChoice,
  units: readonly string[],
  masked: boolean,
): Promise<MaskedUnit[]> {
  const names = units.map(unitName);
  return await withSystem(choice, (system) => {
    const places = etcPlaces(system).map((etc) => joined(etc, UNITS));
    for (const place of places) for (const name of names) refuseOther(choice.sys, place, name);
    return Promise.resolve(
      names.map((unit) => ({
        unit,
        isChanged: places.map((place) => change(choice.sys, place, unit, masked)).includes(true),
        isKnown: isUnitOf(system.mergePath, unit),
      })),
    );
  });
}

function etcPlaces({ sysroot, stateroot, from, merge }: System): string[] {
  if (sysroot.booted === null || !merge.isBooted)
    return [joined(sysroot.path, `${deploymentPath(from)}/etc`)];
  const pending = sysroot.deployments.filter(
    (one) => one.stateroot === stateroot && one.index < merge.index && !one.isStaged,
  );
  return ['/etc', ...pending.map((one) => joined(sysroot.path, `${deploymentPath(one)}/etc`))];
}

function refuseOther(sys: Syscalls, place: string, name: string): void {
  if (sys.lstat(AT_FDCWD, joined(place, name)) === null || isMasked(sys, place, name)) return;
  throw new UserError('UNIT_FILE', `${joined(place, name)} is a unit of this machine's own`, {
    hint: 'remove it first, or stop it from starting with systemctl disable',
  });
}

/** @returns whether it was otherwise before */
function change(sys: Syscalls, place: string, name: string, masked: boolean): boolean {
  if (isMasked(sys, place, name) === masked) return false;
  if (masked) {
    makeDirectories(sys, AT_FDCWD, place);
    sys.symlink(NOTHING, AT_FDCWD, joined(place, name));
  } else sys.unlink(AT_FDCWD, joined(place, name));
  return true;
}

/** Of a template's instance the template counts. */
function isUnitOf(root: string, unit: string): boolean {
  const names = [unit, unit.replace(/@[^.]*\./, '@.')];
  const folders = ['usr/lib/systemd/system', 'etc/systemd/system'];
  return folders.some((folder) =>
    names.some(
      (name) => fs.lstatSync(path.join(root, folder, name), { throwIfNoEntry: false })?.isFile() === true,
    ),
  );
}
