/** The part of composing that labels a tree, the new package database in it too. */
import type { MutableTree, TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { stagedObject, type StagedDatabase } from '#layering/compose-database.ts';
import { labelTree } from '#layering/label-tree.ts';

/**
 * Puts the database into the tree and gives all that is new its label; what is made anew is staged.
 * @returns the database as it is then @throws UserError BAD_POLICY, NO_SPACE
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
): Promise<StagedDatabase> {
  tree.setFile(of.database, await stagedObject(of.staged));
  await labelTree(txn, tree, { before: of.before, memo: of.memo });
  const file = tree.get(of.database);
  if (file?.kind !== 'file') throw new Error(`${of.database} is not in the tree`);
  const outcome = Promise.resolve({ object: file.checksum });
  return { changed: outcome, outcome };
}
