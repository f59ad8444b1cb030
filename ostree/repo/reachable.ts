/** Which objects commits need. */
import { checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { readObjects } from '#ostree/repo/inspect.ts';
import { objectPath, type ObjectType } from '#ostree/repo/object-path.ts';
import { hasObject, loadCommit, MAX_METADATA_SIZE } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** The checksums needed, by type. */
export interface Reachable {
  readonly commits: Set<Checksum>;
  readonly dirtrees: Set<Checksum>;
  readonly dirmetas: Set<Checksum>;
  readonly files: Set<Checksum>;
}

const ENOENT = 2;

export function nothingReachable(): Reachable {
  return { commits: new Set(), dirtrees: new Set(), dirmetas: new Set(), files: new Set() };
}

/** Whether the object is among those marked. */
export function isReachable(reachable: Reachable, checksum: Checksum, type: ObjectType): boolean {
  switch (type) {
    case 'commit':
    case 'commitmeta':
      return reachable.commits.has(checksum);
    case 'dirtree':
      return reachable.dirtrees.has(checksum);
    case 'dirmeta':
      return reachable.dirmetas.has(checksum);
    case 'file':
      return reachable.files.has(checksum);
    default:
      return type satisfies never;
  }
}

/**
 * Marks a commit, all it needs, and `depth` generations of parents (-1: all). What is missing is marked too, but not
 * followed: a commit that was pulled without its history or in part. @throws UserError BAD_OBJECT for a damaged one
 */
export function markCommit(
  repo: Repo,
  reachable: Reachable,
  options: {
    readonly commit: Checksum;
    readonly depth: number;
    readonly skip?: ReadonlySet<string>;
    /** Without what the commits need. */
    readonly commitsOnly?: boolean;
  },
): void {
  const trees = new Set<Checksum>();
  let next: Checksum | null = options.commit;
  for (let left = options.depth; next !== null; left--) {
    if (options.skip?.has(next) === true) break;
    reachable.commits.add(next);
    if (!hasObject(repo, next, 'commit')) break;
    const { parent, rootContents, rootMeta } = loadCommit(repo, next);
    if (options.commitsOnly !== true) {
      trees.add(rootContents);
      reachable.dirmetas.add(rootMeta);
    }
    next = left === 0 ? null : parent;
  }
  markTrees(repo, reachable, trees);
}

/** Marks dirtrees and all below them; those that are marked already are not read again. */
export function markTrees(repo: Repo, reachable: Reachable, roots: ReadonlySet<Checksum>): void {
  let wanted = unmarked(reachable, roots);
  while (wanted.length > 0) {
    const paths = wanted.map((checksum) => objectPath(checksum, 'dirtree', repo.mode));
    const next = new Set<Checksum>();
    readObjects(repo, paths, { limit: MAX_METADATA_SIZE, xattr: '' }).forEach((read, index) => {
      const checksum = wanted[index];
      if (checksum === undefined) return;
      reachable.dirtrees.add(checksum);
      if (read.error === ENOENT) return;
      if (read.error !== 0)
        throw new UserError('BAD_OBJECT', `object ${checksum}.dirtree cannot be read (errno ${read.error})`);
      during(`reading object ${checksum}.dirtree`, () => markEntries(read.content, reachable, next));
    });
    wanted = unmarked(reachable, next);
  }
}

function markEntries(bytes: Uint8Array, reachable: Reachable, next: Set<Checksum>): void {
  scanDirtree(bytes, {
    file: (_name, checksum) => reachable.files.add(checksumFromBytes(checksum)),
    directory: (_name, contents, meta) => {
      next.add(checksumFromBytes(contents));
      reachable.dirmetas.add(checksumFromBytes(meta));
    },
  });
}

function unmarked(reachable: Reachable, checksums: ReadonlySet<Checksum>): Checksum[] {
  return [...checksums].filter((checksum) => !reachable.dirtrees.has(checksum));
}
