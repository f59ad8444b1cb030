/** The refs that keep the commits of what was applied: without them the next run could not tell what differs. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import { listRefs, refPath } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

export const LIVE_REFS = 'yum-ostree/live';

/** Makes the refs be those of these commits. Each is one rename; not synced: a crash of the machine ends what they are for. */
export function keepLiveCommits({ sys, fd, ...repo }: Repo, commits: readonly Checksum[]): void {
  for (const commit of commits) {
    const path = refPath(parseRefspec(`${LIVE_REFS}/${commit}`));
    makeDirectories(sys, fd, path.slice(0, path.lastIndexOf('/')));
    replaceFile(sys, fd, { path, text: `${commit}\n` });
  }
  for (const { refspec, checksum } of listRefs({ sys, fd, ...repo }, LIVE_REFS))
    if (!commits.includes(checksum)) removeFile({ sys, fd, ...repo }, refPath(parseRefspec(refspec)));
}

function removeFile({ sys, fd }: Repo, path: string): void {
  try {
    sys.unlink(fd, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
