/** What is at a path of the machine, compared with what the trees of a change have there. */
import { S, type Fd, type Stat } from '#native/syscalls.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { MutableTree, TreeEntry } from '#ostree/repo/mutable-tree.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { LiveEntry, LivePath, LivePresence } from '#layering/live-plan.ts';

export interface LiveTrees {
  /** First the one that runs, then those that interrupted runs began with. */
  readonly before: readonly MutableTree[];
  readonly after: MutableTree;
}

export interface LivePlace {
  readonly repo: Repo;
  /** The root of the machine. */
  readonly root: Fd;
  /** NEVRAs of who brought a path (`usr/…`) of the tree that runs. */
  readonly ownersOf: (path: string) => readonly string[];
  /** What somebody had removed before: absolute paths. */
  readonly gone: readonly string[];
}

export const DEFAULTS = 'usr/etc/';

type Way = 'open' | 'new' | 'gone' | 'blocked';

/** Decides as the three-way merge of /etc does: what somebody changed or removed is theirs. */
export class LiveLook {
  private readonly place: LivePlace;
  private readonly before: readonly MutableTree[];
  private readonly after: MutableTree;
  private readonly gone: ReadonlySet<string>;
  private readonly ways = new Map<string, Way>();

  constructor(place: LivePlace, { before, after }: LiveTrees) {
    this.place = place;
    this.before = before;
    this.after = after;
    this.gone = new Set(place.gone);
  }

  /** @param place where `path` of the trees is on the machine */
  at(path: string, place: string): LivePath {
    const after = entryOf(this.after.get(path));
    const way = this.wayTo(place);
    const stat = way === 'open' ? this.lstat(place) : null;
    const isDirectory = stat !== null && (stat.mode & S.IFMT) === S.IFDIR;
    const present = stat === null ? this.absence(path, place, way) : this.presence(path, place, stat);
    // Defaults in usr/etc are changed by scripts, and local changes in /etc are kept.
    const owners = path.startsWith(DEFAULTS) ? [] : this.place.ownersOf(path);
    return { path: place, after, present, isDirectory, owners };
  }

  /** Whether somebody removed a directory. */
  isMissing(place: string): boolean {
    return this.wayTo(`${place}/`) === 'gone';
  }

  private presence(path: string, place: string, stat: Stat): LivePresence {
    const after = entryOf(this.after.get(path));
    if (after !== null && this.isSame(place, stat, after)) return 'after';
    const before = this.before.flatMap((tree) => entryOf(tree.get(path)) ?? []);
    if (before.some((entry) => this.isSame(place, stat, entry))) return 'before';
    return this.isHalfChanged(stat, [...before, ...(after === null ? [] : [after])]) ? 'before' : 'other';
  }

  /** A directory that an interrupted run gave the owner of one tree, and not yet the mode. */
  private isHalfChanged(stat: Stat, entries: readonly LiveEntry[]): boolean {
    if (this.before.length < 2 || (stat.mode & S.IFMT) !== S.IFDIR) return false;
    const metas = entries.flatMap((one) =>
      one.kind === 'directory' ? [loadDirmeta(this.place.repo, one.meta)] : [],
    );
    return (
      metas.some(({ uid, gid }) => uid === stat.uid && gid === stat.gid) &&
      metas.some(({ mode }) => mode === stat.mode)
    );
  }

  private absence(path: string, place: string, way: Way): LivePresence {
    if (way === 'gone' || way === 'blocked') return way;
    return way === 'open' && this.isGone(path, place) ? 'gone' : 'nothing';
  }

  /** The tree that runs has it, and no run that was interrupted took it away to put something else there. */
  private isGone(path: string, place: string): boolean {
    if (this.gone.has(`/${place}`)) return true;
    const [runs, ...begun] = this.before.map((tree) => entryOf(tree.get(path))?.kind ?? null);
    return runs !== undefined && runs !== null && begun.every((kind) => kind === runs);
  }

  /** What is between the root and a place; a directory that is to come counts as one that is there, and is empty. */
  private wayTo(place: string): Way {
    const parent = place.slice(0, Math.max(place.lastIndexOf('/'), 0));
    if (parent === '') return 'open';
    let known = this.ways.get(parent);
    if (known === undefined) {
      const above = this.wayTo(parent);
      this.ways.set(parent, (known = above === 'open' ? this.wayThrough(parent) : above));
    }
    return known;
  }

  private wayThrough(parent: string): Way {
    const path = parent.startsWith('etc/') ? `usr/${parent}` : parent;
    const stat = this.lstat(parent);
    if (stat === null) return this.isGone(path, parent) ? 'gone' : 'new';
    if ((stat.mode & S.IFMT) === S.IFDIR) return 'open';
    const isOurs = this.before.some((tree) => {
      const entry = entryOf(tree.get(path));
      return entry !== null && this.isSame(parent, stat, entry);
    });
    return isOurs && this.after.get(path)?.kind === 'directory' ? 'new' : 'blocked';
  }

  private lstat(place: string): Stat | null {
    return this.place.repo.sys.lstat(this.place.root, place);
  }

  /** Attributes do not count: the machine's policy may label anew. */
  private isSame(place: string, stat: Stat, entry: LiveEntry): boolean {
    const { repo, root } = this.place;
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
