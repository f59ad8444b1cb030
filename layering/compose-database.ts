/** The rpmdb of the base and of the composed tree: the same place, a new file. */
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import type { BaseDatabase } from '#layering/base-database.ts';
import { recordedPackages } from '#layering/client-layer.ts';
import type { ComposePackage } from '#layering/compose-package.ts';
import type { BasePackage } from '#layering/compose-removals.ts';
import { headerPathsOf, treePathOf } from '#layering/import-paths.ts';
import { statesWithoutDocumentation } from '#layering/documentation.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { readFileList } from '#layering/rpm-file-list.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { KEY_PACKAGE } from '#layering/solver-input.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { installedHeader } from '#layering/rpmdb-header.ts';
import { readingDatabase, Rpmdb, RPMDB_FILE, type InstalledHeader } from '#layering/rpmdb-read.ts';
import { changeRpmdbFile, type RpmdbChange } from '#layering/rpmdb-write.ts';

/** The base's database, opened when it is first asked. */
export interface OpenDatabase extends BaseDatabase {
  /** Of the file in the tree, e.g. `usr/share/rpm/rpmdb.sqlite`. */
  readonly path: string;
  readonly object: Checksum;
  /** What errors call it. */
  readonly where: string;
  /** Host path of the object; it is only read. */
  readonly file: string;
  /** All packages, where the base's commit lists them. */
  recorded(): Nevra[] | null;
  nevras(): Nevra[];
  /** Opens it already. */
  open(): void;
  numbersOf(packages: readonly Nevra[]): number[];
  headers(): InstalledHeader[];
  close(): void;
}

const PLACES = ['usr/share/rpm', 'usr/lib/sysimage/rpm'];
/** Both 32-bit and 64-bit programs, as rpm has it on 64-bit machines. */
const TRANSACTION_COLOR = 3;

/** @throws UserError NO_RPMDB where the commit's tree has none, BAD_RPMDB where it was not closed */
export function openBaseDatabase(repo: Repo, base: Checksum): OpenDatabase {
  const found = findDatabase(repo, base);
  const file = objectFile(repo, found.object);
  const where = `${found.path} of the base ${base}`;
  let open: Rpmdb | null = null;
  let recorded: Nevra[] | null | undefined;
  // The file itself: only one in WAL mode has to be copied to be read.
  const db = (): Rpmdb => (open ??= new Rpmdb(file, where));
  const ownersOf = (path: string): BasePackage[] => db().ownersOf(path).map(basePackage);
  const packagesOf = (nevra: Nevra): InstalledHeader[] =>
    db()
      .byName(nevra.name)
      .filter(({ header }) => formatNevra(nevraOf(header)) === formatNevra(nevra));
  return {
    ...found,
    headers: () => db().headers(),
    nevras: () => db().nevras(),
    open: () => void db(),
    recorded: () =>
      recorded === undefined ? (recorded = recordedPackages(loadCommit(repo, base))) : recorded,
    where,
    file,
    packagesOf: (nevra) => packagesOf(nevra).map(basePackage),
    numbersOf: (packages) => packages.flatMap(packagesOf).map(({ hnum }) => hnum),
    ownersOf,
    ownersOfTreePath: (path) => headerPathsOf(path).flatMap(ownersOf),
    colorOf: (path) =>
      headerPathsOf(path)
        .flatMap(ownersOf)
        .flatMap(({ files }) => files.filter((file) => treePathOf(file.path) === path))
        .at(0)?.color ?? 0,
    close: () => open?.close(),
  };
}

/** The packages of a new tree, and those of the base that it lacks. */
export interface DatabaseFacts {
  readonly packages: Nevra[];
  readonly removed: Nevra[];
}

export interface DatabaseRequest {
  readonly database: OpenDatabase;
  readonly packages: readonly ComposePackage[];
  readonly removals: readonly Nevra[];
}

interface StageRequest extends DatabaseRequest {
  readonly baseTimestamp: number;
  /** Files marked as documentation are not in the tree, and the database says so. */
  readonly leavesOutDocs: boolean;
}

/** The new tree's database on its way to become an object. No promise of it is ever rejected. */
export interface StagedDatabase {
  /** When it is changed, and only to be hashed. */
  readonly changed: Promise<unknown>;
  readonly outcome: Promise<{ readonly object: Checksum } | { readonly error: unknown }>;
}

/**
 * Begins to make the database with the new packages and without the removed ones: the base's is copied into the staging
 * directory, changed there, and becomes the object. Times and transaction ids follow the base's commit, `baseTimestamp` in
 * seconds. It is copied and hashed on other threads; the transaction must not end before the outcome is there.
 */
export function stageDatabase(txn: Transaction, request: StageRequest): StagedDatabase {
  const changed = changedCopy(txn, request).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const outcome = changed
    .then(async (failed) => failed ?? { object: await adoptDatabase(txn, request.database) })
    .catch((error: unknown) => ({ error: txn.explained(error) }));
  return { changed, outcome };
}

async function changedCopy(txn: Transaction, request: StageRequest): Promise<void> {
  const { database } = request;
  const file = txn.stagedPath(RPMDB_FILE);
  const change = await during(copyFile(database.file, file), () => databaseChange(request));
  fs.chmodSync(file, 0o600);
  readingDatabase(database.where, () => changeRpmdbFile(file, change));
}

function adoptDatabase(txn: Transaction, database: OpenDatabase): Promise<Checksum> {
  return txn.adoptFile(loadContent(txn.repo, database.object).meta, RPMDB_FILE);
}

/** Waits for it. @throws what went wrong */
export async function stagedObject({ outcome }: StagedDatabase): Promise<Checksum> {
  const done = await outcome;
  if ('error' in done) throw done.error;
  return done.object;
}

/**
 * Puts the database into the tree; `meanwhile` is called while it is hashed.
 * @returns what `meanwhile` made of the new tree's packages
 */
export async function replaceDatabase<T>(
  tree: MutableTree,
  staged: StagedDatabase,
  request: DatabaseRequest & { readonly meanwhile: (facts: DatabaseFacts) => T },
): Promise<T> {
  const { path } = request.database;
  await staged.changed;
  const result = request.meanwhile(factsAfter(request));
  tree.setFile(path, await stagedObject(staged));
  for (const rest of [...LOGS, '-shm']) tree.remove(`${path}${rest}`);
  return result;
}

/** Runs `action` while `work` is done elsewhere, and waits for both whichever fails. */
async function during<T>(work: Promise<unknown>, action: () => T): Promise<T> {
  try {
    return action();
  } finally {
    const [outcome] = await Promise.allSettled([work]);
    if (outcome.status === 'rejected') await work;
  }
}

/** On another thread. */
function copyFile(from: string, to: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.copyFile(from, to, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function databaseChange(request: StageRequest): RpmdbChange {
  const { database } = request;
  // What the list of packages needs later, at a time when there is nothing else to do.
  if (database.recorded() === null) database.open();
  const add = request.packages.map(({ source }) =>
    installedHeader({
      header: source.header,
      signatureHeader: source.signatureHeader,
      installTime: request.baseTimestamp,
      transactionId: request.baseTimestamp,
      color: TRANSACTION_COLOR,
      ...(request.leavesOutDocs ? { fileStates: statesWithoutDocumentation(source.header) } : {}),
    }),
  );
  return { add, remove: database.numbersOf(request.removals) };
}

function factsAfter({ database, packages, removals }: DatabaseRequest): DatabaseFacts {
  const gone = new Set(removals.map(formatNevra));
  const before = database.recorded() ?? database.nevras().filter(({ name }) => name !== KEY_PACKAGE);
  return {
    packages: [
      ...before.filter((one) => !gone.has(formatNevra(one))),
      ...packages.map(({ source }) => source.nevra),
    ],
    removed: [...removals],
  };
}

function findDatabase(repo: Repo, base: Checksum): { path: string; object: Checksum } {
  const tree = MutableTree.fromCommit(repo, base);
  for (const place of PLACES) {
    const path = `${place}/${RPMDB_FILE}`;
    const entry = tree.get(path);
    if (entry?.kind !== 'file' || (loadContent(repo, entry.checksum).meta.mode & S.IFMT) !== S.IFREG)
      continue;
    refuseOpenLog({ repo, tree, path, base });
    return { path, object: entry.checksum };
  }
  throw new UserError('NO_RPMDB', `the base ${base.slice(0, 12)} has no RPM database to layer on`, {
    hint: `looked for ${RPMDB_FILE} in ${PLACES.join(' and ')}`,
  });
}

const LOGS = ['-wal', '-journal'];

/** What is only in a log would be lost: it is not in the file, and the log does not fit a changed one. */
function refuseOpenLog(of: {
  readonly repo: Repo;
  readonly tree: MutableTree;
  readonly path: string;
  readonly base: Checksum;
}): void {
  for (const suffix of LOGS) {
    const entry = of.tree.get(`${of.path}${suffix}`);
    if (entry?.kind !== 'file' || fs.statSync(objectFile(of.repo, entry.checksum)).size === 0) continue;
    throw new UserError(
      'BAD_RPMDB',
      `${of.path} of the base ${of.base} was not closed: changes wait in ${basename(of.path)}${suffix}`,
      { hint: "compose the base anew; 'rpm --rebuilddb' in its tree takes the changes in" },
    );
  }
}

function objectFile(repo: Repo, checksum: Checksum): string {
  return join(repo.path, 'objects', objectPath(checksum, 'file', repo.mode));
}

function basePackage({ header }: InstalledHeader): BasePackage {
  return { nevra: nevraOf(header), files: readFileList(header) };
}
