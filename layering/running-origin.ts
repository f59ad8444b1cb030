/** Which tree a mapped file is from, decided on plain facts. Pure. */
import type { MappedFile } from '#layering/running-proc.ts';

/**
 * current: of the tree that runs (of a system that is not booted, of the one that boots by default), and still what its
 * path gives. older-tree: of another one. overlay: of the writable layer over /usr. deleted: removed or replaced since.
 * outside: of no tree, as in a container, in /home or /var.
 */
export type FileState = 'current' | 'older-tree' | 'overlay' | 'deleted' | 'outside';

/** The worst one first. */
export const FILE_STATES: readonly FileState[] = ['deleted', 'older-tree', 'overlay', 'current', 'outside'];

export interface Inode {
  readonly device: number;
  readonly inode: number;
}

/** What was found under the file's path. */
export interface FileFacts extends Inode {
  /** Below the root of a tree, without a leading slash; null where the path cannot be of one. */
  readonly treePath: string | null;
  readonly isDeleted: boolean;
  /** By the deployment's name: the file in its directory. */
  readonly inTrees: ReadonlyMap<string, Inode>;
  /** In a writable layer over the /usr of a deployment. */
  readonly inLayer: Inode | null;
  /** In the root that runs; null too where nothing of the system is booted. */
  readonly inRoot: Inode | null;
  /** The process has another root than the machine, as in a container. */
  readonly isForeign: boolean;
  /** The object of the repository that has this inode, and a tree of which it is at this path. */
  readonly object: { readonly checksum: string; readonly tree: string | null } | null;
}

/** The machine, for all files alike. */
export interface RootFacts {
  /** Name of the deployment that counts as current. */
  readonly current: string | null;
  /** Of the file system of the sysroot. */
  readonly device: number;
  /** What the kernel may call files of the trees instead: overlays of / and /usr, volumes of btrfs. */
  readonly aliases: ReadonlySet<number>;
  /** Of the writable layer's overlay over /usr; null where there is none. */
  readonly layerDevice: number | null;
  readonly isBooted: boolean;
  readonly isComposefs: boolean;
  readonly isUnlocked: boolean;
}

export interface FileOrigin {
  readonly state: FileState;
  /** Name of the deployment that has the file (for a layer: that it lies over), or a ref; null for none or an unknown one. */
  readonly tree: string | null;
}

export function originOfFile(file: FileFacts, root: RootFacts): FileOrigin {
  const isSame = (other: Inode | null): boolean => isSameFile(file, other, root);
  if (file.treePath === null || !isOfSystem(file, root)) return { state: 'outside', tree: null };
  const tree = treeOf(file, root);
  if (isSame(file.inLayer)) return { state: file.isDeleted ? 'deleted' : 'overlay', tree: root.current };
  if (isCopiedUp(file, root)) return { state: 'overlay', tree: root.current };
  if (tree !== null) {
    if (tree !== root.current) return { state: 'older-tree', tree };
    // What is at its path now decides, where that can be compared: a name may go and the file stay under another one.
    const isReplaced = root.isComposefs ? file.isDeleted : root.isBooted && !isSame(file.inRoot);
    return { state: isReplaced ? 'deleted' : 'current', tree };
  }
  if (!file.isDeleted && isSame(file.inRoot))
    return { state: isInLayer(file, root) ? 'overlay' : 'current', tree: root.current };
  if (file.object !== null) return { state: 'older-tree', tree: file.object.tree };
  // Of another root with a /usr of its own nothing can be said.
  const isOurs = file.isDeleted && root.isBooted && !file.isForeign;
  return { state: isOurs ? 'deleted' : 'outside', tree: null };
}

/** Equal inode numbers say nothing between two file systems, unless they are two names of one. */
export function isSameFile(file: Inode, other: Inode | null, root: RootFacts): boolean {
  if (other === null || other.inode !== file.inode) return false;
  return other.device === file.device || root.aliases.has(file.device);
}

function isOfSystem(file: Inode, root: RootFacts): boolean {
  return file.device === root.device || root.aliases.has(file.device);
}

/** Of several trees that share the object the current one. */
function treeOf(file: FileFacts, root: RootFacts): string | null {
  const same = [...file.inTrees].filter(([, inode]) => isSameFile(file, inode, root)).map(([name]) => name);
  return same.find((name) => name === root.current) ?? same[0] ?? null;
}

/** The kernel goes on calling a file by the tree's inode when the overlay has made a copy of it to change. */
function isCopiedUp(file: FileFacts, root: RootFacts): boolean {
  if (file.device !== root.layerDevice || file.isDeleted || file.inRoot === null) return false;
  return !isSameFile(file, file.inRoot, root);
}

/** No tree's directory has it, the root has. An overlay of two file systems tells its upper layer by the device. */
function isInLayer(file: FileFacts, root: RootFacts): boolean {
  if (!root.isUnlocked) return false;
  return !root.isComposefs || file.inRoot?.device === root.device;
}

/** The place in a tree that a path in /proc/PID/maps stands for; `deployment` where the path names it. */
export function treePlace(
  file: Pick<MappedFile, 'path'>,
): { readonly path: string; readonly deployment: string | null } | null {
  const parts = /\/ostree\/deploy\/[^/]+\/deploy\/([0-9a-f]{64}\.[0-9]+)\/(usr\/.+)$/.exec(file.path);
  if (parts?.[1] !== undefined && parts[2] !== undefined) return { path: parts[2], deployment: parts[1] };
  return file.path.startsWith('/usr/') ? { path: file.path.slice(1), deployment: null } : null;
}
