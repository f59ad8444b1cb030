/** At which paths what a writable layer shows differs from the tree below it, file by file. */
import { AT_FDCWD, S, type Stat, type Xattr } from '#native/syscalls.ts';
import type { XattrEntry } from '#ostree/format/file-meta.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { sameBytes } from '#ostree/sysroot/copy-file.ts';
import type { TreeChange } from '#layering/overlay-changes.ts';

export interface LayerDifference {
  /** Relative to /usr. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
}

/** Host paths of the tree's /usr and of the layer's upper directory. */
export interface LayerPlaces {
  readonly tree: string;
  readonly upper: string;
}

/**
 * What was copied up and is as before is no difference; what a removed or replaced directory held is, each file.
 * @param changes as `overlayChanges` gives them: parents before their entries
 */
export function layerDifferences(
  sys: RepoCalls,
  changes: readonly TreeChange[],
  places: LayerPlaces,
): LayerDifference[] {
  const hidden = new Set<string>();
  const inLayer = new Set(changes.map(({ path }) => path));
  const found = changes.flatMap((change): LayerDifference[] => {
    const { path } = change;
    const was = sys.lstat(AT_FDCWD, `${places.tree}/${path}`);
    const hidesBelow =
      isDirectory(was) && (change.kind !== 'directory' || change.replaces || hidden.has(parentOf(path)));
    // A layer merges a directory with the tree's only where nothing above it hides that.
    if (hidesBelow || (change.kind === 'directory' && hidden.has(parentOf(path)))) hidden.add(path);
    const kind = kindOf(sys, change, was, places);
    return [
      ...(kind === null ? [] : [{ path, change: kind }]),
      ...(hidesBelow ? removedBelow(sys, path, places, inLayer) : []),
    ];
  });
  return found.sort((a, b) => compareBytewise(sortedBy(a.path), sortedBy(b.path)));
}

/** A directory's entries come right after it. */
function sortedBy(path: string): string {
  return path.replaceAll('/', '\0');
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

function isDirectory(stat: Stat | null): boolean {
  return stat !== null && (stat.mode & S.IFMT) === S.IFDIR;
}

function removedBelow(
  sys: RepoCalls,
  directory: string,
  places: LayerPlaces,
  inLayer: ReadonlySet<string>,
): LayerDifference[] {
  return sys.readdir(AT_FDCWD, `${places.tree}/${directory}`).flatMap(({ name, kind }): LayerDifference[] => {
    const path = `${directory}/${name}`;
    if (inLayer.has(path)) return [];
    const below = kind === 'directory' ? removedBelow(sys, path, places, inLayer) : [];
    return [{ path, change: 'removed' }, ...below];
  });
}

/** null for what is again, or still, what the tree has. */
function kindOf(
  sys: RepoCalls,
  change: TreeChange,
  was: Stat | null,
  places: LayerPlaces,
): LayerDifference['change'] | null {
  if (change.kind === 'remove') return was === null ? null : 'removed';
  if (was === null) return 'added';
  if (change.kind === 'unsupported') return 'changed';
  const { stat } = change;
  const isLink = change.kind === 'symlink';
  if (stat.uid !== was.uid || stat.gid !== was.gid || stat.mode !== was.mode) return 'changed';
  const original = `${places.tree}/${change.path}`;
  if (!sameXattrs(change.xattrs, sys.xattrs(AT_FDCWD, original))) return 'changed';
  if (change.kind === 'directory') return null;
  if (isLink) return sys.readlink(AT_FDCWD, original) === change.target ? null : 'changed';
  const isSame =
    stat.size === was.size &&
    stat.mtime === was.mtime &&
    sameBytes(
      sys,
      { dir: AT_FDCWD, path: original },
      { dir: AT_FDCWD, path: `${places.upper}/${change.path}` },
    );
  return isSame ? null : 'changed';
}

function sameXattrs(layer: readonly XattrEntry[], tree: readonly Xattr[]): boolean {
  return (
    layer.length === tree.length &&
    layer.every(
      ({ name, value }, at) => tree[at]?.name === name && Buffer.compare(tree[at].value, value) === 0,
    )
  );
}
