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
import { readLabelMemo, writeLabelMemo, type LabelMemo } from '#layering/label-memo.ts';
import { labelsOf } from '#layering/selinux-labels.ts';
import { labelRules, sameRules, type LabelRules } from '#layering/selinux-policy.ts';
import { diffTrees } from '#layering/tree-diff.ts';

const LABEL = 'security.selinux';

export interface LabelRequest {
  /** What has its labels. */
  readonly before: TreeChecksums;
  readonly after: TreeChecksums;
  /** Host path of what earlier runs found out; null where nothing is kept. */
  readonly memo: string | null;
}

/**
 * The tree with labels. Those of `before` are taken as they are where its policy is the same, else every file is
 * labelled anew. Both trees are in the repository, and the result is too; a crash leaves objects that nothing names.
 * @throws UserError BAD_POLICY, NO_SPACE
 */
export function labelTree(repo: Repo, { before, after, memo: file }: LabelRequest): TreeChecksums {
  const tree = treeOf(repo, after);
  const rules = labelRules(repo, tree);
  if (rules === null) return after;
  const isSame = sameRules(rules, labelRules(repo, treeOf(repo, before)));
  const found = foundIn(repo, tree, { before: isSame ? before : null, after });
  const memo = readLabelMemo(file, rules);
  learnLabels(repo, rules, { memo, found });
  const wrong = found.flatMap((one) => {
    const label = memo.labels.get(questionOf(one)) ?? null;
    return labelText(one.meta) === label ? [] : [{ ...one, label }];
  });
  if (wrong.length === 0) return after;
  const txn = Transaction.begin(repo);
  try {
    relabel(txn, tree, { files: wrong, memo });
    const labelled = tree.write(txn);
    txn.commit();
    writeLabelMemo(file, rules, memo);
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

interface Mislabelled extends Found {
  /** The one that it should have. */
  readonly label: string | null;
}

function questionOf({ path, meta }: Found): string {
  return `${meta.mode.toString(8)} ${path}`;
}

/** Asks for the labels that the memo does not know. */
function learnLabels(
  repo: Repo,
  rules: LabelRules,
  { memo, found }: { readonly memo: LabelMemo; readonly found: readonly Found[] },
): void {
  const unknown = found.filter((one) => !memo.labels.has(questionOf(one)));
  const labels = labelsOf(
    repo,
    rules,
    unknown.map(({ path, meta }) => ({ path, mode: meta.mode })),
  );
  unknown.forEach((one, at) => memo.labels.set(questionOf(one), labels[at] ?? null));
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

function relabel(
  txn: Transaction,
  tree: MutableTree,
  { files, memo }: { readonly files: readonly Mislabelled[]; readonly memo: LabelMemo },
): void {
  for (const { path, meta, content, label } of files) {
    const entry = tree.get(path);
    if (content === null && entry?.kind === 'directory') entry.tree.setMeta(withLabel(meta, label));
  }
  const contents = files.flatMap(({ path, meta, content, label }) =>
    content === null ? [] : [{ path, meta, content, label, key: `${content.checksum} ${label ?? ''}` }],
  );
  const isKnown = ({ key }: { readonly key: string }): boolean => {
    const known = memo.objects.get(key);
    return known !== undefined && txn.has(known, 'file');
  };
  const unknown = contents.filter((one) => !isKnown(one));
  const sources = unknown.map(({ meta, content, label }) =>
    sourceOf(txn.repo, withLabel(meta, label), content),
  );
  txn.writeFiles(txn.repo.objectsFd, sources).forEach((checksum, at) => {
    const key = unknown[at]?.key;
    if (key !== undefined) memo.objects.set(key, checksum);
  });
  for (const { path, key } of contents) {
    const checksum = memo.objects.get(key);
    if (checksum !== undefined) tree.setFile(path, checksum);
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
