/** Which files in the layer over /usr are as `apply-live` put them there. */
import { AT_FDCWD, S } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree, type TreeEntry } from '#ostree/repo/mutable-tree.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { liveTrees, type LiveRecord, type LiveTree } from '#layering/live-record.ts';

export class LiveFiles {
  private readonly sysroot: Sysroot;
  private readonly trees: readonly { readonly live: LiveTree; readonly tree: MutableTree }[];
  private readonly booted: MutableTree | null;

  /** A tree that is not in the repository any more is told of nowhere. */
  constructor(sysroot: Sysroot, booted: LiveTree['commit'], record: LiveRecord) {
    this.sysroot = sysroot;
    this.booted = treeIfThere(sysroot, booted);
    this.trees = liveTrees(record).flatMap((live) => {
      const tree = treeIfThere(sysroot, live.commit);
      return tree === null ? [] : [{ live, tree }];
    });
  }

  /**
   * The tree that it was brought of; null for what somebody else put there. After an interruption there are several.
   * @param path `usr/…`, of what is there, or is not there any more
   */
  treeOf(path: string): LiveTree | null {
    return this.trees.find(({ tree }) => this.isOf(tree, path))?.live ?? null;
  }

  private isOf(tree: MutableTree, path: string): boolean {
    const [entry, was] = [tree.get(path), this.booted?.get(path) ?? null];
    if (isSameEntry(entry, was)) return false;
    const stat = this.sysroot.sys.lstat(AT_FDCWD, `/${path}`);
    if (entry === null || stat === null) return entry === null && stat === null;
    const isDirectory = (stat.mode & S.IFMT) === S.IFDIR;
    if (entry.kind === 'directory' || isDirectory) return entry.kind === 'directory' && isDirectory;
    const { meta, size } = loadContent(this.sysroot.repo, entry.checksum);
    // It was given this time, as all files of a tree have it; who changes it gives it another.
    const isUntouched = stat.mtime === 0 && stat.mtimeNsec === 0;
    const isLink = (meta.mode & S.IFMT) === S.IFLNK;
    return isUntouched && stat.mode === meta.mode && (isLink || stat.size === size);
  }
}

function treeIfThere({ repo }: Sysroot, commit: LiveTree['commit']): MutableTree | null {
  try {
    return MutableTree.fromCommit(repo, commit);
  } catch (error) {
    if (codeOf(error) === 'NO_OBJECT') return null;
    throw error;
  }
}

function isSameEntry(a: TreeEntry | null, b: TreeEntry | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.kind === 'file' || b.kind === 'file')
    return a.kind === 'file' && b.kind === 'file' && a.checksum === b.checksum;
  return a.tree.metaChecksum === b.tree.metaChecksum;
}
