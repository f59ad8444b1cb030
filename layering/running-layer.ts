/** What was changed in the writable layers over /usr: of the deployment that runs, and of every hotfix. */
import fs from 'node:fs';
import path from 'node:path';
import { AT_FDCWD, S } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { layerDifferences, type LayerDifference } from '#layering/layer-differences.ts';
import { overlayChanges } from '#layering/overlay-changes.ts';
import { readLiveRecord } from '#layering/live-record.ts';
import { LiveFiles } from '#layering/running-live.ts';
import { PackageLookup } from '#layering/running-packages.ts';
import { runningTrees, usrLayer, type RunningTree, type UsrLayer } from '#layering/running-trees.ts';

export interface LayerFile {
  /** Absolute. */
  readonly path: string;
  readonly change: LayerDifference['change'];
  /** apply-live put it there, and nobody changed it since. */
  readonly isApplied: boolean;
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
      const applied = appliedFiles(sysroot, tree);
      return [{ tree, kind: layer.kind, files: filesOf(sysroot, { tree, layer, packages, applied }) }];
    });
  } finally {
    packages.close();
  }
}

/** How many files of a deployment's tree its layer changes; none where it has no layer. @throws UserError NOT_READABLE */
export function countChanges(sysroot: Sysroot, deployment: Deployment): number {
  const layer = usrLayer(sysroot, deployment);
  if (layer === null) return 0;
  return differencesIn(sysroot, layer, joined(sysroot.path, deploymentPath(deployment))).length;
}

interface OneLayer {
  readonly tree: RunningTree;
  readonly layer: UsrLayer;
  readonly packages: PackageLookup;
  readonly applied: LiveFiles | null;
}

function filesOf(sysroot: Sysroot, one: OneLayer): LayerFile[] {
  return differencesIn(sysroot, one.layer, one.tree.path).map((difference) => fileOf(difference, one));
}

/** @param tree host path of the tree's root */
function differencesIn({ sys }: Sysroot, layer: UsrLayer, tree: string): LayerDifference[] {
  const upper = openUpper(sys, layer.upper);
  if (upper === null) return [];
  try {
    const places = { tree: path.join(tree, 'usr'), upper: layer.upper };
    return layerDifferences(sys, overlayChanges(sys, upper), places);
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

function fileOf(difference: LayerDifference, { tree, layer, packages, applied }: OneLayer): LayerFile {
  const { change } = difference;
  const seenIn = change === 'added' && tree.deployment.isBooted ? '/' : tree.path;
  return {
    path: `/usr/${difference.path}`,
    change,
    isApplied: (applied?.treeOf(`usr/${difference.path}`) ?? null) !== null,
    packages: packages.ownersOf(seenIn, `usr/${difference.path}`),
    time: timeOf(path.join(layer.upper, difference.path)),
  };
}

function appliedFiles(sysroot: Sysroot, { deployment }: RunningTree): LiveFiles | null {
  const record = deployment.isBooted ? readLiveRecord(sysroot.sys, deployment) : null;
  return record === null ? null : new LiveFiles(sysroot, deployment.checksum, record);
}

/** When it came there: a copy keeps the time of modification. */
function timeOf(file: string): number | null {
  try {
    const { ctimeMs, nlink, ...stat } = fs.lstatSync(file);
    return (stat.mode & S.IFMT) === S.IFCHR && nlink > 1 ? null : Math.floor(ctimeMs / 1000);
  } catch (error) {
    // Of what was in a directory that is gone.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}
