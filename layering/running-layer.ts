/** What was changed in the writable layers over /usr: of the deployment that runs, and of every hotfix. */
import fs from 'node:fs';
import path from 'node:path';
import { AT_FDCWD } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { sameBytes } from '#ostree/sysroot/copy-file.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { overlayChanges, type TreeChange } from '#layering/overlay-changes.ts';
import { readLiveRecord } from '#layering/live-record.ts';
import { LiveFiles } from '#layering/running-live.ts';
import { PackageLookup } from '#layering/running-packages.ts';
import { runningTrees, usrLayer, type RunningTree, type UsrLayer } from '#layering/running-trees.ts';

export interface LayerFile {
  /** Absolute. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
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
  const places = { tree: joined(sysroot.path, deploymentPath(deployment)), upper: layer.upper };
  return changesIn(sysroot, layer).filter((one) => kindOf(sysroot.sys, one, places) !== null).length;
}

interface OneLayer {
  readonly tree: RunningTree;
  readonly layer: UsrLayer;
  readonly packages: PackageLookup;
  readonly applied: LiveFiles | null;
}

function filesOf(sysroot: Sysroot, one: OneLayer): LayerFile[] {
  return changesIn(sysroot, one.layer).flatMap((change) => fileOf(change, sysroot, one) ?? []);
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

function fileOf(
  change: TreeChange,
  { sys }: Sysroot,
  { tree, layer, packages, applied }: OneLayer,
): LayerFile | null {
  const kind = kindOf(sys, change, { tree: tree.path, upper: layer.upper });
  if (kind === null) return null;
  const seenIn = kind === 'added' && tree.deployment.isBooted ? '/' : tree.path;
  return {
    path: `/usr/${change.path}`,
    change: kind,
    isApplied: (applied?.treeOf(`usr/${change.path}`) ?? null) !== null,
    packages: packages.ownersOf(seenIn, `usr/${change.path}`),
    time: timeOf(path.join(layer.upper, change.path)),
  };
}

/** null for a directory that the tree has too, and for a file that is again what the tree has. */
function kindOf(
  sys: Sysroot['sys'],
  change: TreeChange,
  { tree, upper }: { readonly tree: string; readonly upper: string },
): LayerFile['change'] | null {
  const original = { dir: AT_FDCWD, path: path.join(tree, 'usr', change.path) };
  const was = sys.lstat(AT_FDCWD, original.path);
  if (change.kind === 'directory' && was !== null && !change.replaces) return null;
  if (change.kind === 'remove') return 'removed';
  if (was === null) return 'added';
  const isSameFile =
    change.kind === 'file' &&
    was.mode === change.stat.mode &&
    was.size === change.stat.size &&
    was.mtime === change.stat.mtime &&
    sameBytes(sys, original, { dir: AT_FDCWD, path: path.join(upper, change.path) });
  return isSameFile ? null : 'changed';
}

function appliedFiles(sysroot: Sysroot, { deployment }: RunningTree): LiveFiles | null {
  const record = deployment.isBooted ? readLiveRecord(sysroot.sys, deployment) : null;
  return record === null ? null : new LiveFiles(sysroot, deployment.checksum, record);
}

/** When it came there: a copy keeps the time of modification. */
function timeOf(file: string): number | null {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat === undefined || (stat.isCharacterDevice() && stat.nlink > 1)
    ? null
    : Math.floor(stat.ctimeMs / 1000);
}
