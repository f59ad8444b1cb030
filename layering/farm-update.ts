/** Makes a checked-out farm into another tree, by replacing names: no inode that the object store shares is written. */
import type { Fd } from '#native/syscalls.ts';
import { during } from '#ostree/format/errors.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { TreeDifference } from '#layering/tree-diff.ts';

/**
 * Applies the differences to the farm below `farm`, in a bare repository. A crash leaves a farm that is neither tree;
 * it has a temporary name then, and the next run removes it.
 */
export function updateFarm(repo: Repo, farm: Fd, differences: readonly TreeDifference[]): void {
  for (const difference of differences)
    during(`bringing '${difference.path}' into the new deployment`, () => applyOne(repo, farm, difference));
  // Directories of a checkout have the time 0.
  for (const directory of touchedDirectories(differences)) repo.sys.utimes(farm, directory, 0, 0);
}

function applyOne(repo: Repo, farm: Fd, difference: TreeDifference): void {
  switch (difference.kind) {
    case 'remove':
      return repo.sys.removeTree(farm, difference.path);
    case 'directory':
      if (difference.isNew) repo.sys.mkdir(farm, difference.path, 0o700);
      return setDirectoryMeta(repo, farm, difference);
    case 'file':
      return replaceFile(repo, farm, difference);
    default:
      return difference satisfies never;
  }
}

function touchedDirectories(differences: readonly TreeDifference[]): Set<string> {
  const touched = new Set<string>();
  for (const { kind, path } of differences) {
    const slash = path.lastIndexOf('/');
    touched.add(slash < 0 ? '.' : path.slice(0, slash));
    if (kind === 'directory') touched.add(path);
  }
  return touched;
}

function setDirectoryMeta(
  repo: Repo,
  farm: Fd,
  { path, meta }: { readonly path: string; readonly meta: Checksum },
): void {
  const { sys } = repo;
  const { uid, gid, mode, xattrs } = loadDirmeta(repo, meta);
  sys.chown(farm, path, uid, gid);
  sys.chmod(farm, path, mode & 0o7777);
  const wanted = new Set(xattrs.map(({ name }) => name));
  for (const { name } of sys.xattrs(farm, path)) if (!wanted.has(name)) sys.removeXattr(farm, path, name);
  for (const { name, value } of xattrs) sys.setXattr(farm, path, name, value);
}

function replaceFile(
  repo: Repo,
  farm: Fd,
  { path, checksum }: { readonly path: string; readonly checksum: Checksum },
): void {
  const temporary = `${path.slice(0, path.lastIndexOf('/') + 1)}.yum-ostree-${repo.sys.randomHex(6)}`;
  repo.sys.link(repo.objectsFd, objectPath(checksum, 'file', repo.mode), farm, temporary);
  repo.sys.rename(farm, temporary, farm, path);
}
