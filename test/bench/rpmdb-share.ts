// Run by the bench in a process of its own, so that nothing is warm: prints the seconds that the rpm database takes of
// a compose. Arguments: the repository, the base, refs of imported packages.
import { composePackage } from '#layering/compose-package.ts';
import { openBaseDatabase, replaceDatabase, stageDatabase } from '#layering/compose-database.ts';
import { loadPackageTree } from '#layering/package-tree.ts';
import { loadSyscalls } from '#native/load.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { closeRepo, openRepo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';

const [path = '', ref = '', ...packageRefs] = process.argv.slice(2);
const repo = openRepo(loadSyscalls(), path);
const base = resolveRev(repo, ref);
const packages = packageRefs.map((one) =>
  composePackage(loadPackageTree(repo, resolveRev(repo, one)), false),
);
const txn = Transaction.begin(repo);
const started = performance.now();
const database = openBaseDatabase(repo, base);
const request = { database, packages, removals: [] };
const staged = stageDatabase(txn, { ...request, baseTimestamp: 0, leavesOutDocs: false });
await replaceDatabase(MutableTree.fromCommit(repo, base), staged, { ...request, meanwhile: () => null });
database.close();
process.stdout.write(`${(performance.now() - started) / 1000}\n`);
txn.abort();
closeRepo(repo);
