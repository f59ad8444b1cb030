/** Content objects of a repository, and those that wait in the transaction that is under way. */
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { loadContent, type Content } from '#ostree/repo/content.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { hasObject } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';

export interface StagedContent {
  /** @throws UserError NO_OBJECT, BAD_OBJECT */
  load(checksum: Checksum): Content;
  /** Of a bare object, from the repository's `objects`. */
  sourcePath(checksum: Checksum): string;
}

/** Runs `action` with what the transaction may read; it ends before the transaction does. */
export async function withStagedContent<T>(
  txn: Transaction,
  action: (content: StagedContent) => Promise<T>,
): Promise<T> {
  const { repo } = txn;
  const fd = repo.sys.open(AT_FDCWD, txn.stagedPath('.'), ['read', 'directory']);
  const staged: Repo = { ...repo, objectsFd: fd };
  const placeOf = (checksum: Checksum): Repo => (hasObject(repo, checksum, 'file') ? repo : staged);
  try {
    return await action({
      load: (checksum) => loadContent(placeOf(checksum), checksum),
      sourcePath: (checksum) => {
        const path = objectPath(checksum, 'file', repo.mode);
        return hasObject(repo, checksum, 'file') ? path : txn.stagedPath(path);
      },
    });
  } finally {
    repo.sys.close(fd);
  }
}
