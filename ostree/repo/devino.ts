/** Which content object an inode is: files of a hardlink checkout need not be read to be committed again. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { objectSuffix } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { scanTree } from '#ostree/repo/scan.ts';

export interface DevinoCache {
  get(dev: number, ino: number): Checksum | null;
}

/** The inodes of all content objects. Only bare repositories have hardlinks whose metadata is the object's own. */
export function devinoCache(repo: Repo): DevinoCache {
  const known = new Map<number, Checksum>();
  const { dev } = repo.sys.fstat(repo.objectsFd);
  if (repo.mode === 'bare' || repo.mode === 'bare-user-only')
    for (const { checksum, ino, dev: objectDev } of listContent(repo))
      if (objectDev === dev) known.set(ino, checksum);
  return { get: (fileDev, ino) => (fileDev === dev ? (known.get(ino) ?? null) : null) };
}

interface ListedContent {
  readonly checksum: Checksum;
  readonly ino: number;
  readonly dev: number;
}

function* listContent(repo: Repo): Iterable<ListedContent> {
  const suffix = objectSuffix('file', repo.mode);
  const entries = scanTree(repo.sys, { dir: repo.objectsFd, path: '.' }, 'none');
  for (const { parent, name, ino, dev } of entries) {
    if (parent < 0 || !name.endsWith(suffix)) continue;
    const checksum = `${entries[parent]?.name ?? ''}${name.slice(0, -suffix.length)}`;
    if (isChecksum(checksum)) yield { checksum, ino, dev };
  }
}
