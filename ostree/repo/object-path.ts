import type { Checksum } from '#ostree/format/checksum.ts';
import type { RepoMode } from '#ostree/repo/repo.ts';

export type ObjectType = 'file' | 'dirtree' | 'dirmeta' | 'commit' | 'commitmeta';

/** The object's file below `objects/`: `XX/<62 hex digits>.<ext>`; content objects of archives end in `.filez`. */
export function objectPath(checksum: Checksum, type: ObjectType, mode: RepoMode): string {
  return `${checksum.slice(0, 2)}/${checksum.slice(2)}${objectSuffix(type, mode)}`;
}

/** The file's ending, with its dot. */
export function objectSuffix(type: ObjectType, mode: RepoMode): string {
  return type === 'file' && mode === 'archive' ? '.filez' : `.${type}`;
}
