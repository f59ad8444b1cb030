/** Which files in the layer over /usr are as `apply-live` put them there. */
import { AT_FDCWD, S } from '#native/syscalls.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree, type TreeEntry } from '#ostree/repo/mutable-tree.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import type { LiveTree } from '#layering/live-record.ts';

export class LiveFiles {
  private readonly sysroot: Sysroot;
  private readonly live: MutableTree;
  private readonly booted: MutableTree;

  /** @throws UserError NO_OBJECT */
  constructor(sysroot: Sysroot, booted: LiveTree['commit'], live: LiveTree) {
    this.sysroot = sysroot;
    this.live = MutableTree.fromCommit(sysroot.repo, live.commit);
    this.booted = MutableTree.fromCommit(sysroot.repo, booted);
  }

  /** @param path `usr/…`, of what is there, or is not there any more */
  has(path: string): boolean {
    const [entry, was] = [this.live.get(path), this.booted.get(path)];
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

function isSameEntry(a: TreeEntry | null, b: TreeEntry | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.kind === 'file' || b.kind === 'file')
    return a.kind === 'file' && b.kind === 'file' && a.checksum === b.checksum;
  return a.tree.metaChecksum === b.tree.metaChecksum;
}
