/** Which files of a tree are to be labelled, and what they have: many files are looked at in one call. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadContent, type Content } from '#ostree/repo/content.ts';
import { contentHashPrefix } from '#ostree/format/file-header.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { hasObject, loadDirmeta } from '#ostree/repo/objects.ts';
import { PackReader, PackWriter } from '#ostree/repo/packed.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { LABEL, labelText, withLabel } from '#layering/label-attribute.ts';
import type { StagedContent } from '#layering/staged-content.ts';

/** A file or directory that differs from what has its labels. */
export interface Found {
  /** In the tree; '' is its root. */
  readonly path: string;
  /** With the kind of file. */
  readonly mode: number;
  readonly label: string | null;
  /** Of a file's object; null for a directory. */
  readonly checksum: Checksum | null;
}

/** What of `tree` is not in `before`; with null, all. Subtrees that are the same are not looked into. */
export function foundIn(
  repo: Repo,
  content: StagedContent,
  { tree, before }: { readonly tree: MutableTree; readonly before: TreeChecksums | null },
): Found[] {
  const walk: Walk = { repo, directories: [], files: [] };
  if (before?.meta === undefined || before.meta !== tree.metaChecksum)
    walk.directories.push(directory('', metaOf(repo, tree)));
  collect(walk, tree, { path: '', before });
  return [...walk.directories, ...factsOf(repo, content, walk.files)];
}

interface Walk {
  readonly repo: Repo;
  readonly directories: Found[];
  readonly files: { readonly path: string; readonly checksum: Checksum }[];
}

function collect(
  walk: Walk,
  tree: MutableTree,
  { path, before }: { readonly path: string; readonly before: TreeChecksums | null },
): void {
  if (before !== null && tree.contentsChecksum === before.contents) return;
  const old = before === null ? null : MutableTree.fromChecksums(walk.repo, before.contents, before.meta);
  for (const [name, entry] of tree.entries()) {
    const was = old?.get(name) ?? null;
    const below = path === '' ? name : `${path}/${name}`;
    if (entry.kind === 'file') {
      if (was?.kind !== 'file' || was.checksum !== entry.checksum)
        walk.files.push({ path: below, checksum: entry.checksum });
      continue;
    }
    const stored = was?.kind === 'directory' ? storedChecksums(was.tree) : null;
    if (stored === null || stored.meta !== entry.tree.metaChecksum)
      walk.directories.push(directory(below, metaOf(walk.repo, entry.tree)));
    collect(walk, entry.tree, { path: below, before: stored });
  }
}

/** Of a directory of a tree, also of one that was made and then given a stored dirmeta. */
export function metaOf(repo: Repo, tree: MutableTree): FileMeta {
  return tree.metaChecksum === null ? tree.getMeta() : loadDirmeta(repo, tree.metaChecksum);
}

/** Of a directory that nobody changed. */
function storedChecksums({ contentsChecksum: contents, metaChecksum: meta }: MutableTree): TreeChecksums {
  if (contents === null || meta === null) throw new Error('a stored directory was changed');
  return { contents, meta };
}

function directory(path: string, meta: FileMeta): Found {
  return { path, mode: S.IFDIR | meta.mode, label: labelText(meta.xattrs), checksum: null };
}

function factsOf(repo: Repo, content: StagedContent, files: Walk['files']): Found[] {
  const plan = new PackWriter(files.length * 80);
  for (const { checksum } of files) plan.text16(objectPath(checksum, 'file', repo.mode));
  const results = new PackReader(
    repo.sys.readFiles(repo.objectsFd, plan.finish(), { limit: 0, xattr: LABEL }),
  );
  return files.map((file) => {
    const error = results.u32();
    results.f64();
    const mode = results.u32();
    results.bytes32();
    const label = results.bytes32();
    if (error === 0) return { ...file, mode, label: labelText([{ name: LABEL, value: label }]) };
    // A symbolic link, which cannot be opened, or an object that is staged.
    const { meta } = content.load(file.checksum);
    return { ...file, mode: meta.mode, label: labelText(meta.xattrs) };
  });
}

/** Whether two file objects are the same file but for its label. Not where one of them is only staged. */
export function sameButLabel(repo: Repo, one: Checksum, other: Checksum): boolean {
  if (!hasObject(repo, one, 'file') || !hasObject(repo, other, 'file')) return false;
  const [a, b] = [loadContent(repo, one), loadContent(repo, other)];
  if (a.size !== b.size || labelText(a.meta.xattrs) === labelText(b.meta.xattrs)) return false;
  const bare = ({ meta }: Content): Buffer =>
    Buffer.from(contentHashPrefix({ ...withLabel(meta, null), target: meta.target }));
  return bare(a).equals(bare(b)) && Buffer.from(a.read()).equals(Buffer.from(b.read()));
}
