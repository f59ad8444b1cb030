/** Tombstones: that a commit was here and was deleted, where `core.tombstone-commits` asks for them. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { formatKeyFile, keyFileBoolean, withKey } from '#ostree/format/keyfile.ts';
import { serialize } from '#ostree/format/gvariant.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { writeConfig, type Repo } from '#ostree/repo/repo.ts';

export function wantsTombstones({ config }: Repo): boolean {
  return keyFileBoolean(config, 'core', 'tombstone-commits') ?? false;
}

/**
 * Writes the commits' tombstones, before the commits go: a crash leaves both, and the next deletion goes on. Durable
 * with the next sync of the file system.
 */
export function writeTombstones({ sys, objectsFd }: Repo, commits: readonly Checksum[]): void {
  for (const commit of commits) {
    const path = tombstonePath(commit);
    if (sys.lstat(objectsFd, path) !== null) continue;
    const temporary = `${path}.${sys.randomHex(4)}`;
    const fd = sys.open(objectsFd, temporary, ['write', 'create', 'exclusive'], 0o644);
    try {
      sys.write(fd, serialize('a{sv}', [['commit', { type: 'ay', value: utf8Bytes(`${commit}\0`) }]]));
    } finally {
      sys.close(fd);
    }
    sys.rename(objectsFd, temporary, objectsFd, path);
  }
}

/** After a pull: what is there again has no tombstone. */
export function removeTombstone({ sys, objectsFd }: Repo, commit: Checksum): void {
  const path = tombstonePath(commit);
  if (sys.lstat(objectsFd, path) !== null) sys.unlink(objectsFd, path);
}

/** Deletes commits, leaving tombstones: from now on for each that is deleted. */
export function entomb(repo: Repo, commits: readonly Checksum[]): void {
  if (commits.length === 0) return;
  const { sys, fd, objectsFd, config, mode } = repo;
  if (!wantsTombstones(repo))
    writeConfig(sys, fd, formatKeyFile(withKey(config, 'core', 'tombstone-commits', true)));
  writeTombstones(repo, commits);
  for (const commit of commits) {
    sys.unlink(objectsFd, objectPath(commit, 'commit', mode));
    sys.removeTree(objectsFd, objectPath(commit, 'commitmeta', mode));
  }
}

function tombstonePath(commit: Checksum): string {
  return `${commit.slice(0, 2)}/${commit.slice(2)}.tombstone-commit`;
}
