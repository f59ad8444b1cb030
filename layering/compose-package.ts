/** A package tree with what composing has to know of its files. */
import type { SpecialFile } from '#layering/owners.ts';
import type { MergePackage } from '#layering/compose-merge.ts';
import { capabilityXattr } from '#layering/capabilities.ts';
import { treePathOf } from '#layering/import-paths.ts';
import type { PackageTree } from '#layering/package-tree.ts';
import { isGhost, readFileList, type RpmFileEntry } from '#layering/rpm-file-list.ts';
import { getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';

export { scriptSource } from '#layering/script-source.ts';

export interface ComposePackage extends MergePackage {
  readonly source: PackageTree;
  /** By path in the tree: files that do not simply belong to root. */
  readonly special: ReadonlyMap<string, SpecialFile>;
}

export function composePackage(source: PackageTree, mayReplace: boolean): ComposePackage {
  return {
    name: source.nevra.name,
    contents: source.contents,
    meta: source.meta,
    mayReplace,
    source,
    special: hasSpecialFiles(source.header) ? specialFiles(readFileList(source.header)) : new Map(),
  };
}

/** 1: 32-bit ELF, 2: 64-bit ELF, 0: neither; by path in the tree. */
export function fileColor(header: RpmHeader, path: string): number {
  return readFileList(header).find((file) => treePathOf(file.path) === path)?.color ?? 0;
}

/** A quick look at the names alone: most packages have nothing but root's files. */
function hasSpecialFiles(header: RpmHeader): boolean {
  const isOther = (name: string): boolean => name !== 'root';
  return (
    getStrings(header, TAG.FILEUSERNAME).some(isOther) ||
    getStrings(header, TAG.FILEGROUPNAME).some(isOther) ||
    getStrings(header, TAG.FILECAPS).some((caps) => caps !== '')
  );
}

function specialFiles(files: readonly RpmFileEntry[]): Map<string, SpecialFile> {
  const special = new Map<string, SpecialFile>();
  for (const file of files) {
    const path = treePathOf(file.path);
    const isPlain = file.uidName === 'root' && file.gidName === 'root' && file.caps === '';
    if (path === null || isPlain || isGhost(file)) continue;
    const capability = file.caps === '' ? null : capabilityXattr(file.caps);
    special.set(path, { user: file.uidName, group: file.gidName, capability });
  }
  return special;
}
