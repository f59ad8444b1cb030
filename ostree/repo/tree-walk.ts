/** Loading all dirtrees and dirmetas of a tree with few native calls: one for each level of directories. */
import { bytesToHex, type Checksum } from '#ostree/format/checksum.ts';
import { decodeDirmeta } from '#ostree/format/dirmeta.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { readObjects } from '#ostree/repo/inspect.ts';
import type { TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { MAX_METADATA_SIZE, missingObject } from '#ostree/repo/objects.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface LoadedTrees {
  /** Every dirtree of the tree, by its checksum. */
  readonly dirtrees: ReadonlyMap<string, Uint8Array>;
  readonly dirmetas: ReadonlyMap<string, FileMeta>;
}

const ENOENT = 2;
/** A tree nested deeper than this is refused: no path could reach that far. */
const MAX_DEPTH = 2048;

/** @throws UserError NO_OBJECT, BAD_OBJECT naming the object */
export function loadTrees(repo: Repo, root: TreeChecksums): LoadedTrees {
  const dirtrees = new Map<string, Uint8Array>();
  const metas = new Set<string>([root.meta]);
  let wanted: ReadonlySet<string> = new Set([root.contents]);
  for (let depth = 0; wanted.size > 0; depth++) {
    if (depth > MAX_DEPTH) throw new UserError('BAD_OBJECT', 'the tree is nested too deeply');
    const next = new Set<string>();
    for (const [checksum, bytes] of readAll(repo, [...wanted], 'dirtree')) {
      dirtrees.set(checksum, bytes);
      during(`reading object ${checksum}.dirtree`, () => collect(bytes, { metas, next }));
    }
    wanted = new Set([...next].filter((checksum) => !dirtrees.has(checksum)));
  }
  const dirmetas = new Map(
    [...readAll(repo, [...metas], 'dirmeta')].map(([checksum, bytes]) => [
      checksum,
      during(`reading object ${checksum}.dirmeta`, () => decodeDirmeta(bytes)),
    ]),
  );
  return { dirtrees, dirmetas };
}

function collect(bytes: Uint8Array, into: { readonly metas: Set<string>; readonly next: Set<string> }): void {
  scanDirtree(bytes, {
    file: () => undefined,
    directory: (_name, contents, meta) => {
      into.next.add(bytesToHex(contents));
      into.metas.add(bytesToHex(meta));
    },
  });
}

function* readAll(
  repo: Repo,
  checksums: readonly string[],
  type: 'dirtree' | 'dirmeta',
): Iterable<readonly [string, Uint8Array]> {
  const paths = checksums.map((checksum) => objectPath(checksum as Checksum, type, repo.mode));
  const reads = readObjects(repo, paths, { limit: MAX_METADATA_SIZE, xattr: '' });
  for (const [index, read] of reads.entries()) {
    const checksum = checksums[index] ?? '';
    if (read.error === ENOENT) throw missingObject(checksum, type);
    if (read.error !== 0 || read.size > MAX_METADATA_SIZE)
      throw new UserError('BAD_OBJECT', `object ${checksum}.${type} cannot be read (errno ${read.error})`);
    yield [checksum, read.content];
  }
}
