/** Looks up under a mapped file's path what is there now: in the trees, in a layer over /usr, in the root that runs. */
import { AT_FDCWD, type Stat } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { listObjects } from '#ostree/repo/object-list.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { treePlace, type FileFacts, type Inode, type RootFacts } from '#layering/running-origin.ts';
import type { MappedFile } from '#layering/running-proc.ts';
import type { RunningTree, UsrLayer } from '#layering/running-trees.ts';

export interface FileWorld {
  readonly sysroot: Sysroot;
  readonly trees: readonly RunningTree[];
  readonly root: RootFacts;
  readonly layer: UsrLayer | null;
}

/** Looks at each file once. The index of the repository's objects is made when a file is first found nowhere else. */
export class FileLookup {
  private readonly world: FileWorld;
  private objects: ReadonlyMap<number, Checksum> | null = null;

  constructor(world: FileWorld) {
    this.world = world;
  }

  factsOf(file: MappedFile, isForeign: boolean): FileFacts {
    const { root, layer, trees } = this.world;
    const { device, inode, isDeleted } = file;
    const place = treePlace(file);
    const facts = { device, inode, isDeleted, isForeign, treePath: place?.path ?? null };
    const nowhere = { inTrees: new Map<string, Inode>(), inLayer: null, inRoot: null, object: null };
    if (place === null || (device !== root.device && !root.aliases.has(device)))
      return { ...facts, ...nowhere };
    const inTrees = new Map(
      trees.flatMap(({ id, path }) => {
        const found = this.at(`${path}/${place.path}`);
        return found === null ? [] : [[id, found] as const];
      }),
    );
    const inLayer =
      layer === null || !place.path.startsWith('usr/')
        ? null
        : this.at(`${layer.upper}${place.path.slice('usr'.length)}`);
    const inRoot = root.isBooted ? this.at(`/${place.path}`) : null;
    const isKnown = [...inTrees.values(), inLayer, inRoot].some((one) => one?.inode === inode);
    const object = isKnown ? null : this.objectOf(inode, place.path);
    return { ...facts, inTrees, inLayer, inRoot, object };
  }

  /** null too for what may not be looked at. */
  private at(path: string): Inode | null {
    const stat = this.stat(path);
    return stat === null ? null : { device: stat.dev, inode: stat.ino };
  }

  private stat(path: string): Stat | null {
    try {
      return this.world.sysroot.sys.lstat(AT_FDCWD, path);
    } catch (error) {
      if (['EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error) ?? '')) return null;
      throw error;
    }
  }

  private objectOf(inode: number, path: string): FileFacts['object'] {
    const { repo } = this.world.sysroot;
    this.objects ??= objectsByInode(repo);
    const checksum = this.objects.get(inode);
    return checksum === undefined ? null : { checksum, tree: refWith(repo, path, checksum) };
  }
}

/** The file objects of a repository that hardlinks them into trees. */
function objectsByInode(repo: Repo): Map<number, Checksum> {
  if (repo.mode !== 'bare') return new Map();
  const objects = listObjects(repo).filter(({ type }) => type === 'file');
  return new Map(objects.map(({ checksum, file }) => [file.ino, checksum]));
}

/** A ref whose tree has that object there; null where none has. */
function refWith(repo: Repo, path: string, checksum: Checksum): string | null {
  const found = listRefs(repo).find((ref) => {
    if (ref.refspec.startsWith('yum-ostree/pkg/')) return false;
    try {
      const entry = MutableTree.fromCommit(repo, ref.checksum).get(path);
      return entry?.kind === 'file' && entry.checksum === checksum;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return false;
    }
  });
  return found?.refspec ?? null;
}
