/** What differs between two trees in the store; equal subtrees are not looked into. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export type TreeDifference =
  | { readonly kind: 'remove'; readonly path: string }
  /** A directory that is new or whose owner, mode or attributes changed. */
  | { readonly kind: 'directory'; readonly path: string; readonly meta: Checksum; readonly isNew: boolean }
  | { readonly kind: 'file'; readonly path: string; readonly checksum: Checksum };

/**
 * What has to be done to make `before` (null is an empty tree) into `after`: removals first in each directory, parents
 * before entries.
 */
export function diffTrees(repo: Repo, before: TreeChecksums | null, after: TreeChecksums): TreeDifference[] {
  const differences: TreeDifference[] = [];
  diffDirectory({ repo, differences }, '', { before, after });
  return differences;
}

interface Walk {
  readonly repo: Repo;
  readonly differences: TreeDifference[];
}

interface Pair {
  readonly before: TreeChecksums | null;
  readonly after: TreeChecksums;
}

function diffDirectory({ repo, differences }: Walk, path: string, { before, after }: Pair): void {
  if (before?.contents === after.contents) return;
  const prefix = path === '' ? '' : `${path}/`;
  const old = entriesOf(repo, before);
  const current = entriesOf(repo, after);
  for (const [name, entry] of old)
    if (typeof current.get(name) !== typeof entry) differences.push({ kind: 'remove', path: prefix + name });
  for (const [name, entry] of current) {
    const was = old.get(name);
    if (typeof entry === 'string') {
      if (was !== entry) differences.push({ kind: 'file', path: prefix + name, checksum: entry });
      continue;
    }
    const oldDirectory = typeof was === 'object' ? was : null;
    if (oldDirectory?.meta !== entry.meta)
      differences.push({
        kind: 'directory',
        path: prefix + name,
        meta: entry.meta,
        isNew: oldDirectory === null,
      });
    diffDirectory({ repo, differences }, prefix + name, { before: oldDirectory, after: entry });
  }
}

/** A file's checksum, or a directory's pair. */
function entriesOf(repo: Repo, tree: TreeChecksums | null): Map<string, Checksum | TreeChecksums> {
  if (tree === null) return new Map();
  const entries = MutableTree.fromChecksums(repo, tree.contents, tree.meta).entries();
  return new Map(
    entries.map(([name, entry]) => [
      name,
      entry.kind === 'file'
        ? entry.checksum
        : {
            contents: entry.tree.contentsChecksum as Checksum,
            meta: entry.tree.metaChecksum as Checksum,
          },
    ]),
  );
}
