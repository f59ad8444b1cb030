/** Reads at which paths below /usr and /etc another tree differs, and what is there now. */
import { S, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { MutableTree, type TreeEntry } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import { BOOT, MODULES, modulesDirectory } from '#layering/kernel-tree.ts';
import { DEFAULTS, LiveLook, type LiveTrees } from '#layering/live-look.ts';
import { temporaryOf, type LivePath, type LiveStep } from '#layering/live-plan.ts';
import { diffTrees } from '#layering/tree-diff.ts';

export interface LiveChange {
  readonly repo: Repo;
  /** Commits whose files may be there: first the one that runs, then those that interrupted runs began with. */
  readonly before: readonly Checksum[];
  /** What somebody had removed before: absolute paths. */
  readonly gone: readonly string[];
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
  /** What interrupted runs did not finish. */
  readonly leftovers: readonly Extract<LiveStep, { op: 'remove' }>[];
}

export function livePaths(change: LiveChange): LivePaths {
  const trees = {
    before: change.before.map((commit) => MutableTree.fromCommit(change.repo, commit)),
    after: MutableTree.fromCommit(change.repo, change.after),
  };
  const look = new LiveLook(change, trees);
  const waiting = waitingDirectories(trees);
  const paths = differentPaths(change).filter(
    (path) => !waiting.some((directory) => `${path}/`.startsWith(`${directory}/`)),
  );
  const defaults = paths.filter((path) => path.startsWith(DEFAULTS));
  const usr = withParents(paths, trees.after, look).map((path) => look.at(path, path));
  const etc = defaults.map((path) => look.at(path, path.slice('usr/'.length)));
  const leftovers = [...usr, ...etc].flatMap(({ path }) => leftoverAt(temporaryOf(path), change) ?? []);
  const leaving = leftovers.map(({ path }) => path);
  return { usr: withoutFull(usr, leaving, change), etc: withoutFull(etc, leaving, change), leftovers };
}

function leftoverAt(path: string, { repo, root }: LiveChange): LivePaths['leftovers'][number] | null {
  const stat = repo.sys.lstat(root, path);
  return stat === null ? null : { op: 'remove', path, isDirectory: (stat.mode & S.IFMT) === S.IFDIR };
}

/** The paths, and the directories of the new tree that somebody removed on the way to them. */
function withParents(paths: readonly string[], after: MutableTree, look: LiveLook): string[] {
  const all = new Set(paths);
  for (const path of paths) {
    if (after.get(path) === null) continue;
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const parent = path.slice(0, at);
      if (!look.isMissing(parent)) break;
      all.add(parent);
    }
  }
  return [...all];
}

/** A directory in which somebody else put something is never replaced by a file. */
function withoutFull(
  paths: readonly LivePath[],
  leftovers: readonly string[],
  { repo, root }: LiveChange,
): LivePath[] {
  const present = paths.filter((one) => one.present === 'before').map(({ path }) => path);
  const ours = new Set([...present, ...leftovers]);
  return paths.map((one) => {
    if (!one.isDirectory || one.present !== 'before' || one.after?.kind !== 'file') return one;
    const isFull = repo.sys.readdir(root, one.path).some(({ name }) => !ours.has(`${one.path}/${name}`));
    return isFull ? { ...one, present: 'blocked' } : one;
  });
}

/** The kernel that runs keeps its modules, and another one waits for the reboot with all of its own. */
function waitingDirectories({ before, after }: LiveTrees): string[] {
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
