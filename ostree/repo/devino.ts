/** Which content object an inode is: files of a hardlink checkout need not be read to be committed again. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { listObjects } from '#ostree/repo/object-list.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface DevinoCache {
  get(dev: number, ino: number): Checksum | null;
}

/** The inodes of all content objects. Only bare repositories have hardlinks whose metadata is the object's own. */
export function devinoCache(repo: Repo): DevinoCache {
  const known = new Map<number, Checksum>();
  const { dev } = repo.sys.fstat(repo.objectsFd);
  if (repo.mode === 'bare' || repo.mode === 'bare-user-only')
    for (const { checksum, type, file } of listObjects(repo))
      if (type === 'file' && file.dev === dev) known.set(file.ino, checksum);
  return { get: (fileDev, ino) => (fileDev === dev ? (known.get(ino) ?? null) : null) };
}
