/** Whether a deployment fits, before anything of it is made. */
import type { FsStat } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { checksumFromBytes } from '#ostree/format/checksum.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { freeBytes, megabytes } from '#ostree/repo/free-space.ts';
import { readObjects } from '#ostree/repo/inspect.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { loadCommit, MAX_METADATA_SIZE } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** Where that much is free nobody counts: it is half a million directories. */
const PLENTY = 2 ** 31;
/** For the origin, refs, entries and links. */
const RESERVE = 2 ** 20;

/**
 * A hardlink farm takes a block for each directory; /etc is a copy.
 * @throws UserError NO_SPACE with what is free and what is needed
 */
export function requireDeploySpace({ sys, repo, path }: Sysroot, commit: Checksum): void {
  const fs = sys.statfs(repo.fd);
  const free = freeBytes(sys, fs);
  if (free >= PLENTY) return;
  const tree = tallyTree(repo, loadCommit(repo, commit).rootContents);
  const etc = subtree(repo, commit, 'usr/etc') ?? subtree(repo, commit, 'etc');
  const copied = etc === null ? NOTHING : tallyTree(repo, etc.contents);
  const needed = bytesNeeded(fs, tree.directories + copied.directories, fileSizes(repo, copied.files));
  if (needed <= free) return;
  throw new UserError(
    'NO_SPACE',
    `${path} has ${megabytes(free)} MB free, the deployment needs ${megabytes(needed)} MB ` +
      `(${tree.directories} directories and a copy of /etc)`,
    { hint: `'ostree admin cleanup' and 'ostree admin undeploy' make room` },
  );
}

/** Pure. @param sizes how often each size in bytes occurs, as pairs */
export function bytesNeeded(
  { bsize }: Pick<FsStat, 'bsize'>,
  directories: number,
  sizes: readonly (readonly [size: number, times: number])[],
): number {
  const files = sizes.reduce((sum, [size, times]) => sum + Math.ceil(size / bsize) * bsize * times, 0);
  return RESERVE + directories * bsize + files;
}

interface Tally {
  /** With the root. */
  readonly directories: number;
  /** How often each file occurs. */
  readonly files: ReadonlyMap<Checksum, number>;
}

const NOTHING: Tally = { directories: 0, files: new Map() };

/** Level by level; the same dirtree in several places is read once. */
function tallyTree(repo: Repo, root: Checksum): Tally {
  const files = new Map<Checksum, number>();
  let directories = 0;
  let level = new Map([[root, 1]]);
  while (level.size > 0) {
    const next = new Map<Checksum, number>();
    const wanted = [...level];
    const paths = wanted.map(([checksum]) => objectPath(checksum, 'dirtree', repo.mode));
    readObjects(repo, paths, { limit: MAX_METADATA_SIZE, xattr: '' }).forEach(({ error, content }, at) => {
      const [checksum, times] = wanted[at] ?? [root, 0];
      directories += times;
      // The checkout says what is wrong with it.
      if (error !== 0) return;
      during(`reading object ${checksum}.dirtree`, () =>
        scanDirtree(content, {
          file: (_name, digest) => add(files, checksumFromBytes(digest), times),
          directory: (_name, contents) => add(next, checksumFromBytes(contents), times),
        }),
      );
    });
    level = next;
  }
  return { directories, files };
}

function add(counts: Map<Checksum, number>, checksum: Checksum, times: number): void {
  counts.set(checksum, (counts.get(checksum) ?? 0) + times);
}

function fileSizes(repo: Repo, files: ReadonlyMap<Checksum, number>): [number, number][] {
  const wanted = [...files];
  const paths = wanted.map(([checksum]) => objectPath(checksum, 'file', repo.mode));
  return readObjects(repo, paths, { limit: 0, xattr: '' }).map(({ error, size }, at) => [
    error === 0 ? size : 0,
    wanted[at]?.[1] ?? 0,
  ]);
}
