/** The packages of a solution, downloaded, checked and imported. */
import fs from 'node:fs';
import type { Checksum } from '#ostree/format/checksum.ts';
import { during, duringAsync, UserError } from '#ostree/format/errors.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import type { Change } from '#layering/change.ts';
import type { ChosenPackage, SolvedChange } from '#layering/change-solve.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { downloadPackages, packageKey } from '#layering/download.ts';
import { importRpm, type FileLabels, type ImportOptions } from '#layering/import-rpm.ts';
import { formatNevra } from '#layering/nevra.ts';
import { findStored, readStoreIndex, writeStoreIndex, type StoreIndex } from '#layering/package-store.ts';
import { loadPackageTree, packageRef, type PackageTree } from '#layering/package-tree.ts';
import { readRpmFile, type RpmFile } from '#layering/rpm-file.ts';
import { adoptCached } from '#layering/rpm-ostree-package.ts';
import { labelMemoPath, mayHavePolicy } from '#layering/selinux-policy.ts';
import { COMMAND_LINE, type SolvedPackage } from '#layering/solve.ts';
import { verifyPackage } from '#layering/verify-package.ts';

export interface PreparedPackages {
  /** In the order of the solution. */
  readonly trees: readonly PackageTree[];
  /** Refs that the packages shall have, and that they do not have yet: set with the tree that needs them. */
  readonly refs: ReadonlyMap<string, Checksum>;
  /** Downloaded files, which are of no more use once the trees are deployed. */
  readonly files: readonly string[];
}

/** Objects need room for their blocks, the new deployment for its directories. Bytes. */
const SPACE_RESERVE = 8 * 1024 * 1024;

/**
 * After this every package is in the store; an error or a crash leaves at most objects that nothing names.
 * @throws UserError NO_SPACE before anything is written, DOWNLOAD_FAILED, UNSIGNED, BAD_RPM, … naming the package
 */
export async function preparePackages(change: Change, solved: SolvedChange): Promise<PreparedPackages> {
  const { system, options } = change;
  const { repo } = system.sysroot;
  const index = readStoreIndex(system.cachePath);
  const known = new Map(solved.packages.map((pkg) => [pkg, treeInStore(change, solved, { pkg, index })]));
  const missing = solved.packages.filter((pkg) => known.get(pkg) === null);
  if (missing.length === 0) return { trees: inOrder(solved, known), refs: new Map(), files: [] };
  refuseWithoutSpace(repo, missing, fs.statSync(change.facts.database.file).size);
  const downloaded = await download(change, solved, missing);
  options.signal.throwIfAborted();
  const labels = await importLabels(change, [...downloaded.values()]);
  const imported = importAll(change, { missing, files: downloaded, labels });
  const refs = new Map<string, Checksum>();
  for (const [pkg, tree] of imported) {
    known.set(pkg, tree);
    refs.set(packageRef(tree.nevra, tree.headerSha256), tree.commit);
    if (pkg.source.kind === 'repository')
      index.set(fileKey(pkg.source.solved), {
        ref: packageRef(tree.nevra, tree.headerSha256),
        verified: mustVerify(change, solved, pkg.source.solved),
      });
  }
  writeStoreIndex(system.cachePath, index);
  const files = missing.flatMap((pkg) =>
    pkg.source.kind === 'repository' ? [downloaded.get(pkg)?.path ?? ''] : [],
  );
  return {
    trees: inOrder(solved, known),
    refs,
    files: files.filter((file) => file.startsWith(system.cachePath)),
  };
}

/**
 * Brings package files into the store that are asked for and change nothing on this base: a later base may be another.
 * A crash leaves refs that the next cleanup removes.
 */
export function keepWaitingFiles(change: Change, solved: SolvedChange): void {
  const used = new Set(
    solved.packages.flatMap(({ source }) => (source.kind === 'file' ? [source.entry] : [])),
  );
  const waiting = [...change.files].filter(([entry]) => !used.has(entry));
  if (waiting.length === 0) return;
  const txn = Transaction.begin(change.system.sysroot.repo);
  try {
    for (const [, rpm] of waiting) importRpm(txn, rpm, { repoId: COMMAND_LINE, setRef: true });
    txn.commit();
  } finally {
    txn.abort();
  }
}

/** Removes package files that are in the store now. */
export function forgetFiles(files: readonly string[]): void {
  for (const file of files) fs.rmSync(file, { force: true });
}

function treeInStore(
  change: Change,
  solved: SolvedChange,
  { pkg, index }: { readonly pkg: ChosenPackage; readonly index: StoreIndex },
): PackageTree | null {
  const { source } = pkg;
  if (source.kind === 'stored') return source.tree;
  if (source.kind !== 'repository') return null;
  const entry = index.get(fileKey(source.solved));
  if (entry === undefined || (!entry.verified && mustVerify(change, solved, source.solved))) return null;
  const tree = findStored(change.system.sysroot.repo, entry.ref);
  return tree !== null && formatNevra(tree.nevra) === formatNevra(pkg.nevra) ? tree : null;
}

async function download(
  change: Change,
  solved: SolvedChange,
  missing: readonly ChosenPackage[],
): Promise<Map<ChosenPackage, RpmFile>> {
  const { options, system } = change;
  const remote = missing.flatMap(({ source }) => (source.kind === 'repository' ? [source.solved] : []));
  if (remote.length > 0)
    options.progress({ kind: 'stage', stage: 'download', text: `Downloading ${countText(remote.length)}` });
  const paths = await downloadPackages(remote, solved.repositories, system.cachePath, {
    signal: options.signal,
    cacheOnly: options.cacheOnly,
    onProgress: ({ bytes, bytesTotal }) =>
      options.progress({
        kind: 'amount',
        stage: 'download',
        unit: 'bytes',
        done: bytes,
        total: bytesTotal,
      }),
  });
  const files = new Map<ChosenPackage, RpmFile>();
  const problems = collectProblems();
  for (const pkg of missing) {
    options.signal.throwIfAborted();
    if (pkg.source.kind === 'cached') continue;
    const file = await problems.attemptAsync(() => checkedFile(change, solved, { pkg, paths }));
    if (file !== null) files.set(pkg, file);
  }
  problems.throwIfAny();
  return files;
}

/** Reads a package file and checks that it is what was chosen, and who signed it. */
async function checkedFile(
  change: Change,
  solved: SolvedChange,
  { pkg, paths }: { readonly pkg: ChosenPackage; readonly paths: ReadonlyMap<string, string> },
): Promise<RpmFile> {
  const { source } = pkg;
  if (source.kind === 'stored' || source.kind === 'cached') throw new Error('a stored package needs no file');
  if (source.kind === 'file') {
    const file = change.files.get(source.entry);
    if (file === undefined) throw new Error(`the file of ${source.entry} was not read`);
    return file;
  }
  const path = paths.get(packageKey(pkg.nevra)) ?? '';
  const rpm = readRpmFile(path);
  if (formatNevra(rpm.nevra) !== formatNevra(pkg.nevra))
    throw new UserError(
      'BAD_RPM',
      `${path} is ${formatNevra(rpm.nevra)}, but repository ${pkg.repo} says it is ${formatNevra(pkg.nevra)}`,
    );
  const repository = repositoryOf(solved, source.solved);
  if (mustVerify(change, solved, source.solved) && repository !== undefined)
    await duringAsync(`repository ${pkg.repo}`, async () => verifyPackage(rpm, await repository.keyring()));
  return rpm;
}

/** The labels of the base's policy for what is to be imported; null where it has none. */
async function importLabels(
  { system, baseCommit }: Change,
  files: readonly RpmFile[],
): Promise<FileLabels | null> {
  const { repo } = system.sysroot;
  const tree = MutableTree.fromCommit(repo, baseCommit);
  if (!mayHavePolicy(tree)) return null;
  const { labelsForImport } = await import('#layering/label-import.ts');
  return await labelsForImport(repo, tree, { files, memo: labelMemoPath(system.cachePath) });
}

function importAll(
  { system, options }: Change,
  of: {
    readonly missing: readonly ChosenPackage[];
    readonly files: ReadonlyMap<ChosenPackage, RpmFile>;
    readonly labels: FileLabels | null;
  },
): Map<ChosenPackage, PackageTree> {
  const { missing, files, labels } = of;
  const { repo } = system.sysroot;
  options.progress({ kind: 'stage', stage: 'import', text: `Importing ${countText(missing.length)}` });
  const txn = Transaction.begin(repo);
  try {
    const problems = collectProblems(['NO_SPACE']);
    const commits = missing.flatMap((pkg, done) => {
      options.signal.throwIfAborted();
      const item = pkg.nevra.name;
      options.progress({ kind: 'amount', stage: 'import', unit: 'items', done, total: missing.length, item });
      // A download alone names its packages at once; else they are named with the tree, which spares a sync.
      const how = { repoId: pkg.repo, setRef: options.downloadOnly, labels };
      const commit = problems.attempt(() =>
        during('importing', () => importOne(txn, pkg, { file: files.get(pkg), how })),
      );
      return commit === null ? [] : [[pkg, commit] as const];
    });
    problems.throwIfAny();
    txn.commit();
    return new Map(commits.map(([pkg, commit]) => [pkg, loadPackageTree(repo, commit)]));
  } finally {
    txn.abort();
  }
}

function importOne(
  txn: Transaction,
  { nevra, source }: ChosenPackage,
  { file, how }: { readonly file: RpmFile | undefined; readonly how: ImportOptions },
): Checksum {
  if (source.kind === 'cached') return adoptCached(txn, source.cached);
  if (file === undefined) throw new Error(`the file of ${nevra.name} was not read`);
  return importRpm(txn, file, how);
}

function inOrder(solved: SolvedChange, trees: ReadonlyMap<ChosenPackage, PackageTree | null>): PackageTree[] {
  return solved.packages.flatMap((pkg) => trees.get(pkg) ?? []);
}

/** `database` is the size of the rpmdb. */
function refuseWithoutSpace(
  { sys, fd, path }: Repo,
  missing: readonly ChosenPackage[],
  database: number,
): void {
  const { bavail, bsize } = sys.statfs(fd);
  const free = bavail * bsize;
  // The database is written anew.
  const reserve = SPACE_RESERVE + database;
  const needed = missing.reduce((sum, pkg) => sum + pkg.installedSize + pkg.packageSize, reserve);
  if (needed <= free) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  throw new UserError(
    'NO_SPACE',
    `the file system of ${path} has ${megabytes(free)} free, the packages need about ${megabytes(needed)}, ${megabytes(reserve)} of it for the new rpm database and as a reserve`,
    { hint: `'yum-ostree cleanup' and 'ostree admin undeploy' make room` },
  );
}

function repositoryOf(solved: SolvedChange, pkg: SolvedPackage) {
  return solved.repositories.find(({ config }) => config.id === pkg.repo);
}

function mustVerify({ options }: Change, solved: SolvedChange, pkg: SolvedPackage): boolean {
  return !options.noGpgChecks && repositoryOf(solved, pkg)?.config.gpgCheck !== false;
}

function fileKey({ checksum }: SolvedPackage): string {
  return `${checksum.type}:${checksum.hex}`;
}

function countText(count: number): string {
  return `${count} package${count === 1 ? '' : 's'}`;
}
