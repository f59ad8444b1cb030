import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { objectSuffix, type ObjectType } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { scanTree, type ScannedEntry } from '#ostree/repo/scan.ts';
import type { ScanXattrs } from '#native/batch.ts';

export interface StoredObject {
  readonly checksum: Checksum;
  readonly type: ObjectType;
  /** The object's file, as it lies in the repository. */
  readonly file: ScannedEntry;
}

const TYPES: readonly ObjectType[] = ['commit', 'dirtree', 'dirmeta', 'commitmeta', 'file'];

/** Every object of the repository. Files that are none are passed over. */
export function listObjects(repo: Repo, xattrs: ScanXattrs = 'none'): StoredObject[] {
  const suffixes = TYPES.map((type) => [type, objectSuffix(type, repo.mode)] as const);
  const entries = scanTree(repo.sys, { dir: repo.objectsFd, path: '.' }, xattrs);
  return entries.flatMap((file) => {
    const parent = entries[file.parent];
    const found = suffixes.find(([, suffix]) => file.name.endsWith(suffix));
    if (parent === undefined || found === undefined) return [];
    const checksum = parent.name + file.name.slice(0, -found[1].length);
    return isChecksum(checksum) ? [{ checksum, type: found[0], file }] : [];
  });
}
