/** Labels what was composed: files that are new or changed get what the tree's own policy says. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta, XattrEntry } from '#ostree/format/file-meta.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { Transaction, type FileSource } from '#ostree/repo/transaction.ts';
import { labelsOf } from '#layering/selinux-labels.ts';
import { labelRules, sameRules } from '#layering/selinux-policy.ts';
import { diffTrees } from '#layering/tree-diff.ts';

const LABEL = 'security.selinux';

/**
 * The tree with labels. Those of `before` are taken as they are where its policy is the same, else every file is
 * labelled anew. Both trees are in the repository, and the result is too; a crash leaves objects that nothing names.
 * @throws UserError BAD_POLICY, NO_SPACE
 */
export function labelTree(repo: Repo, before: TreeChecksums, after: TreeChecksums): TreeChecksums {
  const tree = treeOf(repo, after);
  const rules = labelRules(repo, tree);
  if (rules === null) return after;
  const isSame = sameRules(rules, labelRules(repo, treeOf(repo, before)));
  const found = foundIn(repo, tree, { before: isSame ? before : null, after });
  const labels = labelsOf(
    repo,
    rules,
    found.map(({ path, meta }) => ({ path, mode: meta.mode })),
  );
  const wrong = found.flatMap((one, at) => {
    const label = labels[at] ?? null;
    return labelText(one.meta) === label ? [] : [{ ...one, meta: withLabel(one.meta, label) }];
  });
  if (wrong.length === 0) return after;
  const txn = Transaction.begin(repo);
  try {
    relabel(txn, tree, wrong);
    const labelled = tree.write(txn);
    txn.commit();
    return labelled;
  } finally {
    txn.abort();
  }
}

/** A directory has no content; a symbolic link has a target. */
interface Found {
  readonly path: string;
  readonly meta: FileMeta;
  readonly content: {
    readonly checksum: Checksum;
    readonly size: number;
    readonly target: string;
  } | null;
}

function foundIn(
  repo: Repo,
  tree: MutableTree,
  { before, after }: { readonly before: TreeChecksums | null; readonly after: TreeChecksums },
): Found[] {
  const directory = (path: string): Found[] => {
    const entry = tree.get(path);
    return entry?.kind === 'directory' ? [{ path, meta: entry.tree.getMeta(), content: null }] : [];
  };
  const root = before?.meta === after.meta ? [] : directory('');
  const rest = diffTrees(repo, before, after).flatMap((difference): Found[] => {
    if (difference.kind === 'directory') return directory(difference.path);
    if (difference.kind === 'remove') return [];
    const { path, checksum } = difference;
    const { meta, size } = loadContent(repo, checksum);
    return [{ path, meta, content: { checksum, size, target: meta.target } }];
  });
  return [...root, ...rest];
}

function relabel(txn: Transaction, tree: MutableTree, files: readonly Found[]): void {
  const { repo } = txn;
  const contents = files.flatMap(({ path, meta, content }) =>
    content === null ? [] : [{ path, source: sourceOf(repo, meta, content) }],
  );
  const checksums = txn.writeFiles(
    repo.objectsFd,
    contents.map(({ source }) => source),
  );
  contents.forEach(({ path }, at) => {
    const checksum = checksums[at];
    if (checksum !== undefined) tree.setFile(path, checksum);
  });
  for (const { path, meta, content } of files) {
    const entry = tree.get(path);
    if (content === null && entry?.kind === 'directory') entry.tree.setMeta(meta);
  }
}

function sourceOf(repo: Repo, meta: FileMeta, content: NonNullable<Found['content']>): FileSource {
  const { checksum, size, target } = content;
  const isLink = (meta.mode & S.IFMT) === S.IFLNK;
  const path = objectPath(checksum, 'file', repo.mode);
  return { meta: { ...meta, target }, source: isLink ? { kind: 'none' } : { kind: 'path', path, size } };
}

/** The kernel keeps a label with a NUL byte at its end. */
function labelText({ xattrs }: FileMeta): string | null {
  const found = xattrs.find(({ name }) => name === LABEL);
  return found === undefined ? null : Buffer.from(found.value).toString('latin1').replace(/\0$/, '');
}

function withLabel({ uid, gid, mode, xattrs }: FileMeta, label: string | null): FileMeta {
  const kept = xattrs.filter(({ name }) => name !== LABEL);
  const added: XattrEntry[] =
    label === null ? [] : [{ name: LABEL, value: new Uint8Array(Buffer.from(`${label}\0`)) }];
  return { uid, gid, mode, xattrs: [...kept, ...added].sort((a, b) => compareBytewise(a.name, b.name)) };
}

function treeOf(repo: Repo, { contents, meta }: TreeChecksums): MutableTree {
  return MutableTree.fromChecksums(repo, contents, meta);
}
