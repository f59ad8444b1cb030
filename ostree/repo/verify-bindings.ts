/** Whether refs and commits agree: a commit may say for which refs it was made. */
import { lookupVariant } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { listObjects } from '#ostree/repo/object-list.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { isPartial } from '#ostree/repo/partial.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** Every ref is one that its commit names, where that names any. @throws UserError BAD_BINDING for the first that is not */
export function verifyBindings(repo: Repo): void {
  for (const { refspec, checksum } of listRefs(repo)) {
    const { ref } = parseRefspec(refspec);
    const bound = boundRefs(repo, checksum);
    if (bound === null || bound.includes(ref)) continue;
    const named = bound.map((one) => `‘${one}’`).join(', ');
    const why = `Commit has no requested ref ‘${ref}’ in ref binding metadata (${named})`;
    throw new UserError('BAD_BINDING', `Commit ${checksum}: ${why}`);
  }
}

/** Every ref that a commit names is at that commit. @throws UserError BAD_BINDING for the first that is not */
export function verifyBackRefs(repo: Repo): void {
  const refs = new Map<string, Checksum>(
    listRefs(repo).map(({ refspec, checksum }) => [parseRefspec(refspec).ref, checksum]),
  );
  const commits = listObjects(repo).filter(({ type }) => type === 'commit');
  for (const { checksum } of commits) {
    if (isPartial(repo, checksum)) continue;
    for (const ref of boundRefs(repo, checksum) ?? []) {
      const there = refs.get(ref);
      if (there === checksum) continue;
      const why = there === undefined ? 'does not exist' : 'does not resolve to that commit';
      throw new UserError('BAD_BINDING', `Ref ‘${ref}’ in bindings for commit ${checksum} ${why}`);
    }
  }
}

function boundRefs(repo: Repo, commit: Checksum): readonly string[] | null {
  const { metadata } = loadCommit(repo, commit);
  return (lookupVariant(metadata, 'ostree.ref-binding', 'as') as string[] | undefined) ?? null;
}
