/** What was changed in the writable layers over /usr: of the deployment that runs, and of every hotfix. */
import fs from 'node:fs';
import path from 'node:path';
import { AT_FDCWD } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { overlayChanges, type TreeChange } from '#layering/overlay-changes.ts';
import { PackageLookup } from '#layering/running-packages.ts';
import { runningTrees, usrLayer, type RunningTree, type UsrLayer } from '#layering/running-trees.ts';

export interface LayerFile {
  /** Absolute. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** NEVRAs of its owners: in the tree, or of what was added, in the database that is seen through the layer. */
  readonly packages: readonly string[];
  /** Seconds since the epoch; null where the layer does not tell: what it hides shares one inode. */
  readonly time: number | null;
}

export interface ChangedLayer {
  readonly tree: RunningTree;
  readonly kind: UsrLayer['kind'];
  readonly files: readonly LayerFile[];
}

/** One for each deployment whose /usr is unlocked. @throws UserError NOT_READABLE for a layer that only root may see */
export function changedLayers(sysroot: Sysroot): ChangedLayer[] {
  const packages = new PackageLookup();
  try {
    return runningTrees(sysroot).flatMap((tree) => {
      const layer = usrLayer(sysroot, tree.deployment);
      if (layer === null) return [];
      return [{ tree, kind: layer.kind, files: filesOf(sysroot, { tree, layer, packages }) }];
    });
  } finally {
    packages.close();
  }
}

/** How many files of a deployment's tree its layer changes; none where it has no layer. @throws UserError NOT_READABLE */
export function countChanges(sysroot: Sysroot, deployment: Deployment): number {
  const layer = usrLayer(sysroot, deployment);
  const tree = joined(sysroot.path, deploymentPath(deployment));
  return layer === null ? 0 : changesIn(sysroot, layer).filter((one) => kindOf(one, tree) !== null).length;
}

interface OneLayer {
  readonly tree: RunningTree;
  readonly layer: UsrLayer;
  readonly packages: PackageLookup;
}

function filesOf(sysroot: Sysroot, one: OneLayer): LayerFile[] {
  return changesIn(sysroot, one.layer).flatMap((change) => fileOf(change, one) ?? []);
}

function changesIn({ sys }: Sysroot, layer: UsrLayer): TreeChange[] {
  const upper = openUpper(sys, layer.upper);
  if (upper === null) return [];
  try {
    return overlayChanges(sys, upper);
  } finally {
    sys.close(upper);
  }
}

/** null where nothing was written yet. */
function openUpper(sys: Sysroot['sys'], upper: string): number | null {
  try {
    return sys.open(AT_FDCWD, upper, ['read', 'directory']);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw new UserError('NOT_READABLE', `the layer ${upper} cannot be read: ${codeOf(cause) ?? ''}`, {
      hint: 'run it as root',
      cause,
    });
  }
}

function fileOf(change: TreeChange, { tree, layer, packages }: OneLayer): LayerFile | null {
  const kind = kindOf(change, tree.path);
  if (kind === null) return null;
  const seenIn = kind === 'added' && tree.deployment.isBooted ? '/' : tree.path;
  return {
    path: `/usr/${change.path}`,
    change: kind,
    packages: packages.ownersOf(seenIn, `usr/${change.path}`),
    time: timeOf(path.join(layer.upper, change.path)),
  };
}

/** null for a directory that the tree has too. */
function kindOf(change: TreeChange, tree: string): LayerFile['change'] | null {
  const isInTree = fs.lstatSync(path.join(tree, 'usr', change.path), { throwIfNoEntry: false }) !== undefined;
  if (change.kind === 'directory' && isInTree && !change.replaces) return null;
  return change.kind === 'remove' ? 'removed' : isInTree ? 'changed' : 'added';
}

/** When it came there: a copy keeps the time of modification. */
function timeOf(file: string): number | null {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat === undefined || (stat.isCharacterDevice() && stat.nlink > 1)
    ? null
    : Math.floor(stat.ctimeMs / 1000);
}
