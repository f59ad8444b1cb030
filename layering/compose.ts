/** Compose: base ∪ packages − removals → a commit, with the packages' scripts run where there are any. */
import { AT_FDCWD, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { Commit } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import {
  openBaseDatabase,
  replaceDatabase,
  stageDatabase,
  stagedObject,
  type DatabaseFacts,
  type OpenDatabase,
  type StagedDatabase,
} from '#layering/compose-database.ts';
import { scriptSource, type ComposePackage } from '#layering/compose-package.ts';
import type { ScriptWork } from '#layering/compose-scripts.ts';
import { composeTree, type ComposedTree, type TreeRequest } from '#layering/compose-tree.ts';
import { filesOf, leavesOutDocumentation } from '#layering/documentation.ts';
import { kernelWork, type KernelRequest, type KernelWork } from '#layering/kernel-work.ts';
import type { Nevra } from '#layering/nevra.ts';
import type { Progress } from '#layering/progress.ts';
import { isEmptyPlan, planScripts, type ScriptPlan } from '#layering/scripts-plan.ts';
import type { UserIds } from '#layering/users.ts';
import { mayHavePolicy } from '#layering/selinux-policy.ts';

/** Where a farm may be checked out to run scripts in: on the repository's file system. */
export interface FarmPlace {
  /** Host path of a directory; `farm` and `scratch` are made in it. */
  readonly path: string;
}

export interface ComposeRequest {
  readonly base: Checksum;
  /** In the order of installation. */
  readonly packages: readonly ComposePackage[];
  /** Base packages. */
  readonly removals: readonly Nevra[];
  /** Who has which id where the tree is to run. */
  readonly settled: UserIds;
  /** Host path of a file that keeps what was found out about SELinux labels; null: nothing is kept. */
  readonly labelMemo: string | null;
  /** null: no script runs, whatever the packages have. */
  readonly farm: FarmPlace | null;
  readonly kernel: KernelRequest;
  /** The commit's metadata, given all packages of the new tree. */
  readonly metadata: (facts: ComposeFacts) => VariantDict;
  /** Refs that are set with the commit; null is the commit itself. */
  readonly refs: ReadonlyMap<string, Checksum | null>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface ComposeFacts {
  readonly packages: readonly Nevra[];
  readonly removed: readonly Nevra[];
  /** Of a kernel that the base has not; null for the base's own. */
  readonly kernelVersion: string | null;
}

export interface Composed {
  readonly commit: Checksum;
  readonly tree: TreeChecksums;
  /** Whether `FarmPlace.path/farm` now holds the tree. */
  readonly farmIsReady: boolean;
  /** Sockets and the like that scripts left, and that are not in the tree. */
  readonly ignored: readonly string[];
}

/** Nothing is left that only the composing knows. */
type DescribedRequest = Omit<ComposeRequest, 'metadata'> & {
  readonly metadata: (facts: DatabaseFacts) => VariantDict;
};

/** The database is open. */
interface OpenRequest extends TreeRequest {
  readonly labelMemo: string | null;
  readonly database: OpenDatabase;
  readonly baseCommit: Commit;
}

const NO_SCRIPTS: ScriptPlan = { wantsLdconfig: false, pre: [], post: [], posttrans: [] };

/**
 * Until the refs are set, at the very end, a crash leaves the repository as it was, with objects that nothing names.
 * @throws UserError FILE_CONFLICT, UNKNOWN_OWNER, SCRIPT_UNSUPPORTED, SCRIPT_FAILED, NO_SPACE, …
 */
export async function compose(repo: Repo, request: ComposeRequest): Promise<Composed> {
  if (repo.mode !== 'bare')
    throw new UserError(
      'BAD_REPO_MODE',
      `packages can be layered in a bare repository only, not ${repo.mode}`,
    );
  const plan = planOf(request);
  const baseCommit = loadCommit(repo, request.base);
  const database = openBaseDatabase(repo, request.base);
  const txn = Transaction.begin(repo);
  // First, as it takes longest: the tree is composed while the database is hashed.
  const leavesOutDocs = leavesOutDocumentation(filesOf(repo, MutableTree.fromCommit(repo, request.base)));
  const { timestamp: baseTimestamp } = baseCommit;
  const staged = stageDatabase(txn, { ...request, database, baseTimestamp, leavesOutDocs });
  try {
    const scriptsMakeUsers = plan.pre.length > 0;
    const treeRequest = { ...request, baseCommit, database, scriptsMakeUsers, leavesOutDocs };
    request.progress({ kind: 'stage', stage: 'compose', text: 'Composing the tree' });
    await staged.changed;
    const composed = composeTree(txn, treeRequest);
    const kernel = settledKernel(repo, request, composed);
    const described = { ...request, metadata: withKernel(request, kernel.newVersion) };
    const work = await scriptWork(request, treeRequest, { plan, composed, kernel: kernel.work });
    const { tree } = composed;
    const root = { contents: baseCommit.rootContents, meta: baseCommit.rootMeta };
    const isLabelled = mayHavePolicy(tree) || request.packages.some(({ source }) => source.isLabelled);
    const current = isLabelled ? await labelled(txn, tree, { before: root, staged, treeRequest }) : staged;
    if (work === null) return await finish(txn, described, { tree, treeRequest, staged: current });
    const before = tree.write(txn);
    await stagedObject(current);
    txn.commit();
    return await composeWithScripts(repo, described, {
      treeRequest,
      staged: current,
      work: { ...work, tree: before },
    });
  } finally {
    await staged.outcome;
    txn.abort();
    database.close();
  }
}

function planOf(request: ComposeRequest): ScriptPlan {
  if (request.farm === null) return NO_SCRIPTS;
  return planScripts(request.packages.map(({ name, source }) => scriptSource(name, source.header)));
}

/** The tree has one kernel afterwards. @returns what has to run for it */
function settledKernel(
  repo: Repo,
  request: ComposeRequest,
  composed: ComposedTree,
): { readonly work: KernelWork | null; readonly newVersion: string | null } {
  const { tree, changed } = composed;
  const base = MutableTree.fromCommit(repo, request.base);
  const { work, newVersion, warnings } = kernelWork(tree, { base, changed, request: request.kernel });
  for (const text of warnings) request.progress({ kind: 'warning', text });
  return { work, newVersion };
}

function withKernel({ metadata }: ComposeRequest, kernelVersion: string | null) {
  return (facts: DatabaseFacts): VariantDict => metadata({ ...facts, kernelVersion });
}

/** What has to run; null where nothing has. */
async function scriptWork(
  request: ComposeRequest,
  { database }: TreeRequest,
  of: { readonly plan: ScriptPlan; readonly composed: ComposedTree; readonly kernel: KernelWork | null },
): Promise<Omit<ScriptWork, 'tree'> | null> {
  if (request.farm === null) return null;
  const { plan, composed, kernel } = of;
  const { triggerRuns } = await import('#layering/compose-scripts.ts');
  const triggers = triggerRuns(composed.tree, {
    database,
    added: request.packages.map(({ name, source }) => scriptSource(name, source.header)),
    removals: request.removals,
    changed: composed.changed,
    wantsLdconfig: plan.wantsLdconfig,
  });
  if (isEmptyPlan(plan) && triggers.length === 0 && kernel === null) return null;
  return { plan, triggers, lateOwners: composed.lateOwners, kernel };
}

async function composeWithScripts(
  repo: Repo,
  request: DescribedRequest,
  of: {
    readonly treeRequest: OpenRequest;
    readonly staged: StagedDatabase;
    readonly work: ScriptWork;
  },
): Promise<Composed> {
  const { treeRequest, staged, work } = of;
  const { runScripts, takeScriptChanges } = await import('#layering/compose-scripts.ts');
  const { diffTrees } = await import('#layering/tree-diff.ts');
  const { updateFarm } = await import('#layering/farm-update.ts');
  const { place, farm } = await checkoutFarm(repo, request, work.tree);
  try {
    const session = await runScripts(scriptHost(repo, request, place), repo, work);
    const txn = Transaction.begin(repo);
    try {
      const tree = MutableTree.fromChecksums(repo, work.tree.contents, work.tree.meta);
      const { ignored } = takeScriptChanges(txn, tree, session);
      const current = mayHavePolicy(tree)
        ? await labelled(txn, tree, { before: work.tree, staged, treeRequest })
        : staged;
      const done = await finish(txn, request, { tree, treeRequest, staged: current });
      updateFarm(repo, farm, diffTrees(repo, work.tree, done.tree));
      return { ...done, farmIsReady: true, ignored };
    } finally {
      txn.abort();
      session.end();
    }
  } finally {
    repo.sys.close(farm);
  }
}

/**
 * The farm is opened here, before the scripts' mount namespace is: the kernel makes no link between two views of one
 * file system. The caller closes it.
 */
async function checkoutFarm(
  repo: Repo,
  { farm, progress }: DescribedRequest,
  tree: TreeChecksums,
): Promise<{ readonly place: string; readonly farm: Fd }> {
  if (farm === null) throw new Error('scripts need a place for a farm');
  const { checkoutTree } = await import('#ostree/repo/checkout.ts');
  progress({ kind: 'stage', stage: 'checkout', text: 'Checking out the tree' });
  const dir = repo.sys.open(AT_FDCWD, farm.path, ['read', 'directory']);
  try {
    checkoutTree(repo, tree, { dir, name: 'farm' }, { requireHardlinks: true, passthroughWhiteouts: true });
    repo.sys.mkdir(dir, 'scratch', 0o700);
    return { place: farm.path, farm: repo.sys.open(dir, 'farm', ['read', 'directory']) };
  } finally {
    repo.sys.close(dir);
  }
}

function scriptHost(repo: Repo, request: DescribedRequest, place: string) {
  const buildTimes = request.packages.map(({ source }) => source.buildTime);
  return {
    sys: repo.sys,
    farm: `${place}/farm`,
    scratch: `${place}/scratch`,
    databases: ['usr/share/rpm', 'usr/lib/sysimage/rpm'].filter(
      (path) => repo.sys.stat(AT_FDCWD, `${place}/farm/${path}`) !== null,
    ),
    sourceDateEpoch: Math.max(0, ...buildTimes),
    progress: request.progress,
    signal: request.signal,
  };
}

async function labelled(
  txn: Transaction,
  tree: MutableTree,
  of: {
    /** What is labelled already. */
    readonly before: TreeChecksums;
    readonly staged: StagedDatabase;
    readonly treeRequest: OpenRequest;
  },
): Promise<StagedDatabase> {
  const { labelComposed } = await import('#layering/compose-labels.ts');
  return await labelComposed(txn, tree, {
    ...of,
    database: of.treeRequest.database.path,
    memo: of.treeRequest.labelMemo,
  });
}

/** The rpmdb, the commit and its refs. */
async function finish(
  txn: Transaction,
  request: DescribedRequest,
  of: { readonly tree: MutableTree; readonly treeRequest: OpenRequest; readonly staged: StagedDatabase },
): Promise<Composed> {
  const { tree, treeRequest, staged } = of;
  request.signal.throwIfAborted();
  const metadata = await replaceDatabase(tree, staged, { ...treeRequest, meanwhile: request.metadata });
  const written = tree.write(txn);
  request.progress({ kind: 'stage', stage: 'commit', text: 'Writing the commit' });
  const commit = txn.writeCommit({
    metadata,
    parent: request.base,
    subject: '',
    body: '',
    timestamp: newestTime(treeRequest.baseCommit.timestamp, request.packages),
    rootContents: written.contents,
    rootMeta: written.meta,
  });
  for (const [ref, checksum] of request.refs) txn.setRef(ref, checksum ?? commit);
  txn.commit();
  return { commit, tree: written, farmIsReady: false, ignored: [] };
}

/** Of base and packages, so that the same tree is the same commit whenever it is made. */
function newestTime(base: number, packages: readonly ComposePackage[]): number {
  return Math.max(base, ...packages.map(({ source }) => source.buildTime));
}
