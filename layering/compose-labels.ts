/** The part of composing that labels a tree, the new package database in it too. */
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { stagedObject, type StagedDatabase } from '#layering/compose-database.ts';
import { labelTree } from '#layering/label-tree.ts';

export interface LabelledTree {
  /** In the repository. */
  readonly tree: TreeChecksums;
  /** The database as it is in that tree. */
  readonly staged: StagedDatabase;
}

/**
 * Ends the transaction: what is labelled is read from the repository. A crash leaves objects that nothing names.
 * @throws UserError BAD_POLICY, NO_SPACE
 */
export async function labelComposed(
  txn: Transaction,
  tree: MutableTree,
  of: {
    /** What is labelled already. */
    readonly before: TreeChecksums;
    readonly staged: StagedDatabase;
    /** Of the database, in the tree. */
    readonly database: string;
    /** As labelTree takes it. */
    readonly memo: string | null;
  },
): Promise<LabelledTree> {
  tree.setFile(of.database, await stagedObject(of.staged));
  const written = tree.write(txn);
  txn.commit();
  const labelled = labelTree(txn.repo, { before: of.before, after: written, memo: of.memo });
  const file = MutableTree.fromChecksums(txn.repo, labelled.contents, labelled.meta).get(of.database);
  if (file?.kind !== 'file') throw new Error(`${of.database} is not in the tree`);
  const outcome = Promise.resolve({ object: file.checksum });
  return { tree: labelled, staged: { changed: outcome, outcome } };
}
