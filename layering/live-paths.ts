/** Reads at which paths below /usr and /etc another tree differs, and what is there now. */
import { S, type Fd, type Stat } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree, type TreeEntry } from '#ostree/repo/mutable-tree.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import { BOOT, MODULES, modulesDirectory } from '#layering/kernel-tree.ts';
import type { LiveEntry, LivePath } from '#layering/live-plan.ts';
import { diffTrees } from '#layering/tree-diff.ts';

export interface LiveChange {
  readonly repo: Repo;
  /** Commits whose files may be there: the one that runs, and one that an interrupted run began with. */
  readonly before: readonly Checksum[];
  readonly after: Checksum;
  /** The root of the machine. */
  readonly root: Fd;
  /** NEVRAs of who brought a path (`usr/…`) of the tree that runs. */
  readonly ownersOf: (path: string) => readonly string[];
}

export interface LivePaths {
  readonly usr: readonly LivePath[];
  /** The same of the defaults in usr/etc, by their places in /etc. */
  readonly etc: readonly LivePath[];
}

const DEFAULTS = 'usr/etc/';

/** The same commits of a change as trees. */
interface Trees {
  readonly before: readonly MutableTree[];
  readonly after: MutableTree;
}

export function livePaths(change: LiveChange): LivePaths {
  const trees = {
    before: change.before.map((commit) => MutableTree.fromCommit(change.repo, commit)),
    after: MutableTree.fromCommit(change.repo, change.after),
  };
  const look = new Look(change, trees);
  const waiting = waitingDirectories(trees);
  const paths = differentPaths(change).filter(
    (path) => !waiting.some((directory) => `${path}/`.startsWith(`${directory}/`)),
  );
  const defaults = paths.filter((path) => path.startsWith(DEFAULTS));
  return {
    usr: paths.map((path) => look.at(path, path)),
    etc: defaults.map((path) => look.at(path, path.slice('usr/'.length))),
  };
}

/** The kernel that runs keeps its modules, and another one waits for the reboot with all of its own. */
function waitingDirectories({ before, after }: Trees): string[] {
  const versions = [...before, after].map(kernelVersions);
  const others = [...new Set(versions.flat())].filter((one) => !versions.every((all) => all.includes(one)));
  return [BOOT, ...others.map(modulesDirectory)];
}

/** Also of old trees, whose images are elsewhere. */
function kernelVersions(tree: MutableTree): string[] {
  const entry = tree.get(MODULES);
  return entry?.kind === 'directory' ? entry.tree.entries().map(([name]) => name) : [];
}

/** Below the root of the trees; a directory that went is named with all below it. */
function differentPaths({ repo, before, after }: LiveChange): string[] {
  const found = new Set<string>();
  const target = subtree(repo, after, 'usr');
  if (target === null) return [];
  for (const commit of before) {
    const was = subtree(repo, commit, 'usr');
    if (was === null) continue;
    const tree = MutableTree.fromChecksums(repo, was.contents, was.meta);
    for (const { kind, path } of diffTrees(repo, was, target)) {
      found.add(`usr/${path}`);
      if (kind === 'remove') addBelow(tree.get(path), `usr/${path}`, found);
    }
  }
  return [...found];
}

function addBelow(entry: TreeEntry | null, path: string, found: Set<string>): void {
  if (entry?.kind !== 'directory') return;
  for (const [name, child] of entry.tree.entries()) {
    found.add(`${path}/${name}`);
    addBelow(child, `${path}/${name}`, found);
  }
}

/** Compares what is there with what the trees have. */
class Look {
  private readonly change: LiveChange;
  private readonly before: readonly MutableTree[];
  private readonly after: MutableTree;
  private readonly directories = new Map<string, boolean>();

  constructor(change: LiveChange, { before, after }: Trees) {
    this.change = change;
    this.before = before;
    this.after = after;
  }

  /** @param place where `path` of the trees is on the machine */
  at(path: string, place: string): LivePath {
    const after = entryOf(this.after.get(path));
    const before = this.before.flatMap((tree) => entryOf(tree.get(path)) ?? []);
    const stat = this.change.repo.sys.lstat(this.change.root, place);
    const isDirectory = stat !== null && (stat.mode & S.IFMT) === S.IFDIR;
    const present = this.presentAt(place, stat, { before, after });
    // Defaults in usr/etc are changed by scripts, and local changes in /etc are kept.
    const owners = path.startsWith(DEFAULTS) ? [] : this.change.ownersOf(path);
    return { path: place, after, present, isDirectory, owners };
  }

  private presentAt(
    place: string,
    stat: Stat | null,
    trees: { readonly before: readonly LiveEntry[]; readonly after: LiveEntry | null },
  ): LivePath['present'] {
    if (!this.isBelowDirectories(place)) return 'other';
    if (stat === null) return 'nothing';
    if (trees.after !== null && this.isSame(place, stat, trees.after)) return 'after';
    return trees.before.some((entry) => this.isSame(place, stat, entry)) ? 'before' : 'other';
  }

  /** A link on the way leads elsewhere, unless it is the tree's and becomes a directory. */
  private isBelowDirectories(place: string): boolean {
    const parent = place.slice(0, Math.max(place.lastIndexOf('/'), 0));
    if (parent === '') return true;
    let known = this.directories.get(parent);
    if (known === undefined)
      this.directories.set(parent, (known = this.isPassable(parent) && this.isBelowDirectories(parent)));
    return known;
  }

  private isPassable(parent: string): boolean {
    const stat = this.change.repo.sys.lstat(this.change.root, parent);
    if (stat === null || (stat.mode & S.IFMT) !== S.IFLNK) return true;
    const path = parent.startsWith('etc/') ? `usr/${parent}` : parent;
    const was = this.before.flatMap((tree) => entryOf(tree.get(path)) ?? []);
    const isOurs = was.some((entry) => this.isSame(parent, stat, entry));
    return isOurs && this.after.get(path)?.kind === 'directory';
  }

  /** Attributes do not count: the machine's policy may label anew. */
  private isSame(place: string, stat: Stat, entry: LiveEntry): boolean {
    const { repo, root } = this.change;
    if (entry.kind === 'directory') return isSameOwner(stat, loadDirmeta(repo, entry.meta));
    const content = loadContent(repo, entry.checksum);
    const type = content.meta.mode & S.IFMT;
    if ((stat.mode & S.IFMT) !== type) return false;
    if (type === S.IFLNK) return repo.sys.readlink(root, place) === content.meta.target;
    if (!isSameOwner(stat, content.meta) || stat.size !== content.size) return false;
    const file = repo.sys.open(root, place, ['read', 'nofollow']);
    try {
      return holds(repo, file, content.pieces());
    } finally {
      repo.sys.close(file);
    }
  }
}

function entryOf(entry: TreeEntry | null): LiveEntry | null {
  if (entry === null || entry.kind === 'file') return entry;
  const { metaChecksum } = entry.tree;
  return metaChecksum === null ? null : { kind: 'directory', meta: metaChecksum };
}

function isSameOwner(stat: Stat, meta: Pick<FileMeta, 'uid' | 'gid' | 'mode'>): boolean {
  return stat.uid === meta.uid && stat.gid === meta.gid && stat.mode === meta.mode;
}

function holds(repo: Repo, file: Fd, pieces: Iterable<Uint8Array>): boolean {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const read = repo.sys.read(file, piece.length - at);
      if (read.length === 0 || Buffer.compare(read, piece.subarray(at, at + read.length)) !== 0) return false;
      at += read.length;
    }
  }
  return true;
}
