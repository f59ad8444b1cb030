/** Which package a file of a tree belongs to, asked of that tree's own rpm database. */
import { codeOf } from '#ostree/format/errors.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { openBaseDatabase } from '#layering/compose-database.ts';
import { headerPathsOf } from '#layering/import-paths.ts';
import { formatNevra } from '#layering/nevra.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { getNumbers } from '#layering/rpm-header.ts';
import { FILE, TAG } from '#layering/rpm-tags.ts';
import { findRpmdb, Rpmdb } from '#layering/rpmdb-read.ts';

interface KnownPackage {
  readonly nevra: string;
  readonly paths: ReadonlySet<string>;
  /** Files that are its own, but that others make. */
  readonly ghosts: ReadonlySet<string>;
}

/** The databases of several trees; each is opened when it is first asked, each header read once. To be closed. */
export class PackageLookup {
  private readonly databases = new Map<string, TreeDatabase>();

  /** NEVRAs of the packages that own a path (without a leading slash) of the tree whose root is that host path. */
  ownersOf(root: string, path: string): readonly string[] {
    let database = this.databases.get(root);
    if (database === undefined)
      this.databases.set(root, (database = new TreeDatabase(() => findRpmdb(root))));
    return database.ownersOf(path);
  }

  /** The same of the tree that a ref or checksum names. */
  ownersInCommit(repo: Repo, rev: string, path: string): readonly string[] {
    return this.databaseOf(repo, rev).ownersOf(path);
  }

  /** The same, of those only that have the file in their payload. */
  bringersInCommit(repo: Repo, rev: string, path: string): readonly string[] {
    return this.databaseOf(repo, rev).bringersOf(path);
  }

  private databaseOf(repo: Repo, rev: string): TreeDatabase {
    let database = this.databases.get(`ref ${rev}`);
    if (database === undefined) {
      database = new TreeDatabase(() => openBaseDatabase(repo, resolveRev(repo, rev)).file);
      this.databases.set(`ref ${rev}`, database);
    }
    return database;
  }

  /** What could not be read, for people. */
  get faults(): string[] {
    return [...this.databases.values()].flatMap(({ fault }) => fault ?? []);
  }

  close(): void {
    for (const database of this.databases.values()) database.close();
  }
}

class TreeDatabase {
  fault: string | null = null;
  private readonly db: Rpmdb | null;
  private readonly packages = new Map<number, KnownPackage>();
  private readonly answers = new Map<string, readonly string[]>();

  constructor(find: () => string | null) {
    this.db = this.guarded(() => {
      const file = find();
      return file === null ? null : new Rpmdb(file);
    }, null);
  }

  ownersOf(path: string): readonly string[] {
    let owners = this.answers.get(path);
    if (owners === undefined)
      this.answers.set(path, (owners = this.guarded(() => this.look(path).map(({ nevra }) => nevra), [])));
    return owners;
  }

  bringersOf(path: string): readonly string[] {
    const spellings = headerPathsOf(path);
    const found = this.guarded(() => this.look(path), []);
    return found
      .filter(({ ghosts }) => !spellings.some((spelling) => ghosts.has(spelling)))
      .map(({ nevra }) => nevra);
  }

  close(): void {
    this.db?.close();
  }

  private look(path: string): KnownPackage[] {
    const { db } = this;
    if (db === null) return [];
    const spellings = headerPathsOf(path);
    const numbers = db.numbersWithFileName(path.slice(path.lastIndexOf('/') + 1));
    return numbers
      .flatMap((hnum) => this.packageOf(db, hnum) ?? [])
      .filter((one) => spellings.some((spelling) => one.paths.has(spelling)));
  }

  private packageOf(db: Rpmdb, hnum: number): KnownPackage | null {
    const known = this.packages.get(hnum);
    if (known !== undefined) return known;
    const header = db.header(hnum)?.header;
    if (header === undefined) return null;
    const paths = filePaths(header);
    const flags = getNumbers(header, TAG.FILEFLAGS);
    const found = {
      nevra: formatNevra(nevraOf(header)),
      paths: new Set(paths),
      ghosts: new Set(paths.filter((_, at) => ((flags[at] ?? 0) & FILE.GHOST) !== 0)),
    };
    this.packages.set(hnum, found);
    return found;
  }

  /** A database that cannot be read is told of once, and the files then have no package. */
  private guarded<T>(action: () => T, otherwise: T): T {
    try {
      return action();
    } catch (error) {
      const code = codeOf(error) ?? '';
      if (!(error instanceof Error) || code === '') throw error;
      if (code !== 'NO_RPMDB') this.fault = error.message;
      return otherwise;
    }
  }
}
