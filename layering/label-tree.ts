/** Labels what was composed: files that are new or changed get what the tree's own policy says. */
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { FileSource, Transaction } from '#ostree/repo/transaction.ts';
import { withLabel } from '#layering/label-attribute.ts';
import { foundIn, metaOf, type Found } from '#layering/label-facts.ts';
import { LabelBook } from '#layering/label-memo.ts';
import { labelRules, sameRules, type LabelRules } from '#layering/selinux-policy.ts';
import { withStagedContent, type StagedContent } from '#layering/staged-content.ts';

export interface LabelRequest {
  /** What has its labels; it is in the repository. */
  readonly before: TreeChecksums;
  /** Host path of what earlier runs found out; null where nothing is kept. */
  readonly memo: string | null;
}

/**
 * Gives `tree`, which may have objects that are only staged, its labels. Those of `before` are taken as they are where
 * its policy is the same, else every file is labelled anew. A tree without a policy gets no labels that its packages
 * were stored with.
 * @throws UserError BAD_POLICY, NO_SPACE
 */
export async function labelTree(txn: Transaction, tree: MutableTree, request: LabelRequest): Promise<void> {
  await withStagedContent(txn, async (content) => {
    const read = (checksum: Checksum): Uint8Array => content.load(checksum).read();
    const rules = labelRules(tree, read);
    const { contents, meta } = request.before;
    const old = labelRules(MutableTree.fromChecksums(txn.repo, contents, meta), read);
    const isSame = rules === null || sameRules(rules, old);
    const found = foundIn(txn.repo, content, { tree, before: isSame ? request.before : null });
    if (found.length === 0) return;
    const book = await labelsFor(txn, { rules, read, memo: request.memo, found });
    const wrong = found.flatMap((one) => {
      const label = book?.label(one) ?? null;
      return one.label === label ? [] : [{ ...one, label }];
    });
    relabel({ txn, tree, content, book }, wrong);
    book?.save();
  });
}

/** null where the tree has no policy. */
async function labelsFor(
  { repo }: Transaction,
  of: {
    readonly rules: LabelRules | null;
    readonly read: (checksum: Checksum) => Uint8Array;
    readonly memo: string | null;
    readonly found: readonly Found[];
  },
): Promise<LabelBook | null> {
  if (of.rules === null) return null;
  const book = new LabelBook(repo, { rules: of.rules, read: of.read }, of.memo);
  await book.learn(of.found);
  return book;
}

interface Relabelling {
  readonly txn: Transaction;
  readonly tree: MutableTree;
  readonly content: StagedContent;
  readonly book: LabelBook | null;
}

/** `files` have the label that they should have. */
function relabel({ txn, tree, content, book }: Relabelling, files: readonly Found[]): void {
  for (const { path, checksum, label } of files) {
    const entry = tree.get(path);
    if (checksum === null && entry?.kind === 'directory')
      entry.tree.setMeta(withLabel(metaOf(txn.repo, entry.tree), label));
  }
  const contents = files.flatMap(({ checksum, ...file }) =>
    checksum === null ? [] : [{ ...file, checksum }],
  );
  const objects = new Map<string, Checksum>();
  const key = (file: { readonly checksum: Checksum; readonly label: string | null }): string =>
    `${file.checksum} ${file.label ?? ''}`;
  for (const file of contents) {
    const known = book?.objects.get(key(file));
    if (known !== undefined && txn.has(known, 'file')) objects.set(key(file), known);
  }
  const unknown = [...new Map(contents.map((file) => [key(file), file])).values()].filter(
    (file) => !objects.has(key(file)),
  );
  const sources = unknown.map(({ checksum, label }) => labelledSource(content, checksum, label));
  txn.writeFiles(txn.repo.objectsFd, sources).forEach((checksum, at) => {
    const file = unknown[at];
    if (file === undefined) return;
    objects.set(key(file), checksum);
    book?.objects.set(key(file), checksum);
  });
  for (const file of contents) tree.setFile(file.path, objects.get(key(file)) ?? file.checksum);
}

function labelledSource(content: StagedContent, checksum: Checksum, label: string | null): FileSource {
  const { meta, size } = content.load(checksum);
  const labelled = { ...withLabel(meta, label), target: meta.target };
  if ((meta.mode & S.IFMT) === S.IFLNK) return { meta: labelled, source: { kind: 'none' } };
  return { meta: labelled, source: { kind: 'path', path: content.sourcePath(checksum), size } };
}
