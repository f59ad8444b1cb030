/** Which units a deployment's /etc keeps systemd from starting. */
import fs from 'node:fs';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';

/** Below /etc. */
export const UNITS = 'systemd/system';
/** Where the link of a masked unit leads to. */
export const NOTHING = '/dev/null';

/** Names of the units that are masked in a deployment's /etc, sorted; none where it cannot be read. */
export function maskedUnits(sysroot: Sysroot, deployment: Deployment): string[] {
  const etc = deployment.isBooted ? '/etc' : joined(sysroot.path, `${deploymentPath(deployment)}/etc`);
  const place = joined(etc, UNITS);
  try {
    return fs
      .readdirSync(place)
      .filter((name) => isMasked(sysroot.sys, place, name))
      .sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error) ?? '')) return [];
    throw error;
  }
}

export function isMasked(sys: Syscalls, place: string, name: string): boolean {
  try {
    return sys.readlink(AT_FDCWD, joined(place, name)) === NOTHING;
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return false;
    throw error;
  }
}
