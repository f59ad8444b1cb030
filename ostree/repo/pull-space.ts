/** Whether what a pull will bring fits, where the commits say how large it is. */
import { objectSizes, type ObjectSize } from '#ostree/format/commit-sizes.ts';
import type { Commit } from '#ostree/format/commit.ts';
import { requireFreeSpace } from '#ostree/repo/free-space.ts';
import { hasObject } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/**
 * Before anything of the commits is stored. Commits without sizes count for nothing: then what does not fit is found
 * while it comes. @throws UserError NO_SPACE with the numbers
 */
export function requirePullSpace(repo: Repo, commits: readonly Commit[]): void {
  const missing = new Map<string, ObjectSize>();
  for (const commit of commits)
    for (const one of objectSizes(commit) ?? [])
      if (one.isFile && !hasObject(repo, one.checksum, 'file')) missing.set(one.checksum, one);
  if (missing.size === 0) return;
  const { bsize } = repo.sys.statfs(repo.fd);
  const sizes = [...missing.values()].map((one) => (repo.mode === 'archive' ? one.archived : one.unpacked));
  requireFreeSpace(
    repo,
    sizes.reduce((sum, size) => sum + Math.ceil(size / bsize) * bsize, 0),
  );
}
