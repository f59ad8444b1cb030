/** Reading rpmdb.sqlite; nothing is ever written beside the database. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { openSqlite, type SqliteDatabase } from '#native/sqlite.ts';
import { nevraAtStart, quickNevra } from '#layering/header-nevra.ts';
import type { Nevra } from '#layering/nevra.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { parseHeader, type RpmHeader } from '#layering/rpm-header.ts';

export interface InstalledHeader {
  /** The package's number in the database. */
  readonly hnum: number;
  readonly header: RpmHeader;
}

/** Where a tree has its database, the first that is there counts. Relative to the tree's root. */
export const RPMDB_DIRECTORIES = ['usr/share/rpm', 'usr/lib/sysimage/rpm', 'var/lib/rpm'] as const;
export const RPMDB_FILE = 'rpmdb.sqlite';

/** Bytes at a header's start that mostly hold its index and the first of its values. */
const HEADER_START = 2048;
/** Bytes of a database file that are mapped; what is beyond is read. */
const MAPPED_LIMIT = 256 * 1024 * 1024;
const SQLITE_MAGIC = 'SQLite format 3\0';
/** The header's two bytes that say whether the database is in WAL mode (2) or not (1). */
const WRITE_VERSION = 18;
const READ_VERSION = 19;

/** The path of the database of the tree under `root`; null where it has none. @throws UserError BAD_RPMDB */
export function findRpmdb(root: string): string | null {
  for (const directory of RPMDB_DIRECTORIES) {
    const file = path.join(root, directory, RPMDB_FILE);
    if (fs.existsSync(file)) return file;
    const old = ['Packages', 'Packages.db'].find((name) => fs.existsSync(path.join(root, directory, name)));
    if (old !== undefined) throw notSqlite(path.join(root, directory, old));
  }
  return null;
}

/**
 * An open database; to be closed. `source` is a file's path, or the bytes of one; `where` is what errors call it.
 * @throws UserError BAD_RPMDB
 */
export class Rpmdb {
  private readonly db: SqliteDatabase;
  private readonly where: string;

  constructor(
    source: string | Uint8Array,
    where = typeof source === 'string' ? source : 'the package database',
  ) {
    this.where = where;
    this.db = openSource(source, this.where);
  }

  /** All packages in the order of their numbers. */
  headers(): InstalledHeader[] {
    return this.select('SELECT hnum, blob FROM Packages ORDER BY hnum', []);
  }

  header(hnum: number): InstalledHeader | null {
    return this.select('SELECT hnum, blob FROM Packages WHERE hnum = ?', [hnum])[0] ?? null;
  }

  /** The packages of that name. */
  byName(name: string): InstalledHeader[] {
    const inner = 'SELECT hnum FROM Name WHERE key = ?';
    return this.select(`SELECT hnum, blob FROM Packages WHERE hnum IN (${inner}) ORDER BY hnum`, [name]);
  }

  /** Name, version and architecture of all packages, of no more of each header than that takes. */
  nevras(): Nevra[] {
    return readingDatabase(this.where, () => {
      const starts = this.db.prepare<[number], { hnum: number; blob: Buffer }>(
        'SELECT hnum, substr(blob, 1, ?) AS blob FROM Packages',
      );
      const whole = this.db.prepare<[number], Uint8Array>('SELECT blob FROM Packages WHERE hnum = ?').pluck();
      return starts.all(HEADER_START).map(({ hnum, blob }) => {
        const known = nevraAtStart(blob);
        return known ?? quickNevra(whole.get(hnum) ?? blob, `package ${hnum} in ${this.where}`);
      });
    });
  }

  /** Numbers of the packages that have a file whose last component is `name`. */
  numbersWithFileName(name: string): number[] {
    return readingDatabase(this.where, () => {
      const select = this.db.prepare<[string], number>('SELECT DISTINCT hnum FROM Basenames WHERE key = ?');
      return select.pluck().all(name);
    });
  }

  /** The packages that own that absolute path, as the headers spell it. */
  ownersOf(file: string): InstalledHeader[] {
    const inner = 'SELECT hnum FROM Basenames WHERE key = ?';
    const key = file.slice(file.lastIndexOf('/') + 1);
    return this.select(`SELECT hnum, blob FROM Packages WHERE hnum IN (${inner}) ORDER BY hnum`, [
      key,
    ]).filter(({ header }) => filePaths(header).includes(file));
  }

  close(): void {
    this.db.close();
  }

  private select(sql: string, parameters: readonly (string | number)[]): InstalledHeader[] {
    return readingDatabase(this.where, () => {
      const rows = this.db.prepare(sql).all(...parameters) as { hnum: number; blob: Uint8Array }[];
      return rows.map(({ hnum, blob }) => ({
        hnum,
        header: parseHeader(blob, `package ${hnum} in ${this.where}`),
      }));
    });
  }
}

/** All installed packages of a database. @throws UserError BAD_RPMDB, BAD_RPM_HEADER */
export function readRpmdb(source: string | Uint8Array): InstalledHeader[] {
  const db = new Rpmdb(source);
  try {
    return db.headers();
  } finally {
    db.close();
  }
}

/**
 * A copy of a database's bytes that SQLite opens in memory: one in WAL mode is marked as not, which is right where
 * nothing waits in a -wal file.
 */
export function sqliteImage(bytes: Uint8Array, where = 'the package database'): Buffer {
  const image = Buffer.from(bytes);
  if (image.toString('latin1', 0, SQLITE_MAGIC.length) !== SQLITE_MAGIC) throw notSqlite(where);
  image[WRITE_VERSION] = 1;
  image[READ_VERSION] = 1;
  return image;
}

/** What SQLite says against a database, as an error that names it. @throws UserError BAD_RPMDB */
export function readingDatabase<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (error instanceof UserError || ['SQLITE_FULL', 'ENOSPC'].includes(code)) throw error;
    const why = code === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new UserError('BAD_RPMDB', `${where} cannot be read: ${why}`, { cause: error });
  }
}

function openSource(source: string | Uint8Array, where: string): SqliteDatabase {
  return readingDatabase(where, () =>
    typeof source === 'string' ? openFile(source, where) : openSqlite(sqliteImage(source, where)),
  );
}

function openFile(file: string, where: string): SqliteDatabase {
  if ((fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return openWithLog(file);
  return isWal(file, where) ? openSqlite(sqliteImage(fs.readFileSync(file), where)) : openMapped(file);
}

/** Mapped into memory: of thousands of pages, a call for each takes longer than all that is done with them. */
function openMapped(file: string): SqliteDatabase {
  const db = openSqlite(file, READ_ONLY);
  db.pragma(`mmap_size = ${MAPPED_LIMIT}`);
  return db;
}

const READ_ONLY = { readonly: true, fileMustExist: true } as const;

function isWal(file: string, where: string): boolean {
  const start = Buffer.alloc(READ_VERSION + 1);
  const fd = fs.openSync(file, 'r');
  try {
    fs.readSync(fd, start, 0, start.length, 0);
  } finally {
    fs.closeSync(fd);
  }
  if (start.toString('latin1', 0, SQLITE_MAGIC.length) !== SQLITE_MAGIC) throw notSqlite(where);
  return start[READ_VERSION] === 2;
}

/** The last transactions are still in the log: they are taken in within a private copy, the original stays as it is. */
function openWithLog(file: string): SqliteDatabase {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-rpmdb-'));
  try {
    const copy = path.join(scratch, RPMDB_FILE);
    fs.copyFileSync(file, copy);
    fs.copyFileSync(`${file}-wal`, `${copy}-wal`);
    const db = openSqlite(copy);
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
    return openSqlite(sqliteImage(fs.readFileSync(copy), file));
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function notSqlite(file: string): UserError {
  return new UserError('BAD_RPMDB', `${file} is not an SQLite database`, {
    hint: `only rpm's sqlite backend is supported, not Berkeley DB or NDB`,
  });
}
