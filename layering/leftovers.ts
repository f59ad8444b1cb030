/** The places where a run keeps a farm that is not a deployment yet, and their removal. */
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { joined } from '#ostree/sysroot/sysroot.ts';

const PREFIX = '.yum-ostree-';

export interface WorkPlace {
  /** Host path. */
  readonly path: string;
  /** As `deployTree` takes a prepared farm in it: relative to `ostree/deploy/OS/deploy`. */
  readonly farmName: string;
  readonly remove: () => void;
}

/** Names a place beside the stateroot's deployments (ostree takes every directory among them for a deployment). */
export function workPlace(sysroot: Sysroot, stateroot: string): WorkPlace {
  const { sys, fd } = sysroot;
  const name = `${PREFIX}${sys.randomHex(6)}`;
  const path = `ostree/deploy/${stateroot}/${name}`;
  sys.mkdir(fd, path, 0o700);
  return {
    path: joined(sysroot.path, path),
    farmName: `../${name}/farm`,
    remove: () => sys.removeTree(fd, path),
  };
}

/** Removes what interrupted runs left. The caller holds the sysroot's lock, so nobody works in these places. */
export function removeLeftovers(sysroot: Sysroot): void {
  const { sys, fd } = sysroot;
  if (sys.stat(fd, 'ostree/deploy') === null) return;
  for (const { name: stateroot, kind } of sys.readdir(fd, 'ostree/deploy')) {
    if (kind !== 'directory') continue;
    const directory = `ostree/deploy/${stateroot}`;
    for (const { name } of sys.readdir(fd, directory))
      if (name.startsWith(PREFIX)) sys.removeTree(fd, `${directory}/${name}`);
  }
}
