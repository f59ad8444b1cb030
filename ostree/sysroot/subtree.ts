import type { Checksum } from '#ostree/format/checksum.ts';

import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** A directory of a commit's tree; null where there is none. */
export function subtree(repo: Repo, commit: Checksum, path: string): TreeChecksums | null {
  const found = MutableTree.fromCommit(repo, commit).get(path);
  if (found?.kind !== 'directory') return null;
  const { contentsChecksum: contents, metaChecksum: meta } = found.tree;
  return contents === null || meta === null ? null : { contents, meta };
}
