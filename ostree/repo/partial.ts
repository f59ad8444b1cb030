/** `state/CHECKSUM.commitpartial`: a commit that is there without (all of) what it needs. */
import type { Checksum } from '#ostree/format/checksum.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export function isPartial(repo: Repo, commit: Checksum): boolean {
  return repo.sys.lstat(repo.fd, pathOf(commit)) !== null;
}

/** The mark is durable with the sync of the transaction that stores the commit: it goes first. */
export function markPartial(repo: Repo, commit: Checksum): void {
  if (isPartial(repo, commit)) return;
  if (repo.sys.lstat(repo.fd, 'state') === null) repo.sys.mkdir(repo.fd, 'state', 0o775);
  repo.sys.close(repo.sys.open(repo.fd, pathOf(commit), ['write', 'create', 'nofollow'], 0o644));
}

/** After the commit's objects are durable; a crash before leaves it marked, and the next pull looks again. */
export function unmarkPartial(repo: Repo, commit: Checksum): void {
  if (isPartial(repo, commit)) repo.sys.unlink(repo.fd, pathOf(commit));
}

function pathOf(commit: Checksum): string {
  return `state/${commit}.commitpartial`;
}
