/** The trees of a sysroot as far as running programs can be of them: where their files lie. */
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { deploymentName, deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlockedOf, type Unlocked } from '#ostree/sysroot/unlock.ts';
import type { MountLine } from '#ostree/format/mount-table.ts';
import type { RootFacts } from '#layering/running-origin.ts';
import { readStatus } from '#layering/status.ts';

export interface RunningTree {
  /** `CSUM.N` */
  readonly id: string;
  readonly treeName: string;
  readonly checksum: Checksum;
  /** Host path of its directory. */
  readonly path: string;
  readonly deployment: Deployment;
}

/** Where a deployment's writable layer over /usr keeps its files. */
export interface UsrLayer {
  readonly kind: Unlocked;
  /** Host path of the upper directory. */
  readonly upper: string;
}

export function runningTrees(sysroot: Sysroot): RunningTree[] {
  return readStatus(sysroot, null).map(({ deployment, id, treeName }) => ({
    id,
    treeName,
    checksum: deployment.checksum,
    path: joined(sysroot.path, deploymentPath(deployment)),
    deployment,
  }));
}

/** The one that runs, or of a system that is not booted, the one that boots by default; null where nothing is deployed. */
export function currentTree(trees: readonly RunningTree[]): RunningTree | null {
  return trees.find(({ deployment }) => deployment.isBooted) ?? trees[0] ?? null;
}

/** null for a deployment whose /usr is as it was committed. */
export function usrLayer(sysroot: Sysroot, deployment: Deployment): UsrLayer | null {
  const kind = unlockedOf(sysroot, deployment);
  if (kind === null || (kind !== 'hotfix' && !deployment.isBooted)) return null;
  const below =
    kind === 'hotfix'
      ? `${deploymentPath(deployment)}/.usr-ovl-upper`
      : `ostree/deploy/${deployment.stateroot}/backing/${deploymentName(deployment)}/usr-transient/upper`;
  return { kind, upper: joined(sysroot.path, below) };
}

/** What holds for all files alike. */
export function rootFacts(
  sysroot: Sysroot,
  current: RunningTree | null,
  mounts: readonly MountLine[],
): RootFacts {
  const isBooted = current?.deployment.isBooted === true;
  const device = sysroot.sys.stat(AT_FDCWD, joined(sysroot.path, 'ostree'))?.dev ?? 0;
  const seen = (place: string): MountLine | undefined => mounts.findLast(({ point }) => point === place);
  const places = isBooted ? ['/', '/usr', '/sysroot'] : [];
  const aliases = new Set(places.flatMap((place) => seen(place)?.device ?? []));
  const root = seen('/');
  const isUnlocked = current !== null && unlockedOf(sysroot, current.deployment) !== null;
  const usr = seen('/usr');
  return {
    current: current?.id ?? null,
    device,
    aliases: new Set([...aliases, ...volumesOf(sysroot, device, mounts)]),
    isBooted,
    isComposefs: isBooted && root?.type === 'overlay' && root.source.startsWith('composefs'),
    layerDevice: isBooted && isUnlocked && usr?.type === 'overlay' ? usr.device : null,
    isUnlocked,
  };
}

/** btrfs gives every volume a number of its own, and the kernel's lists have that of the whole. */
function volumesOf(sysroot: Sysroot, device: number, mounts: readonly MountLine[]): number[] {
  const all = mounts.filter(({ type }) => type === 'btrfs');
  const isThere = all.some(({ point }) => sysroot.sys.stat(AT_FDCWD, point)?.dev === device);
  return isThere ? all.map(({ device: whole }) => whole) : [];
}
