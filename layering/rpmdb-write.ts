import fs from 'node:fs';
import { UserError } from '#ostree/format/errors.ts';
import { openSqlite, type SqliteDatabase } from '#native/sqlite.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { formatNevra } from '#layering/nevra.ts';
import { parseHeader } from '#layering/rpm-header.ts';
import { INDEX_TABLES, indexRows, type IndexTable } from '#layering/rpmdb-index.ts';
import { sqliteImage } from '#layering/rpmdb-read.ts';

/** Bytes that describe the whole file. */
const SQLITE_HEADER = 100;

export interface RpmdbChange {
  /** Headers as `installedHeader` makes them, in the order in which they get their numbers. */
  readonly add: readonly Uint8Array[];
  /** Numbers of installed headers. */
  readonly remove: readonly number[];
}

/**
 * The bytes of rpmdb.sqlite after a change, or of a new one where `base` is null. They are in journal mode DELETE, so
 * that reading them never writes beside them. The same input gives the same bytes. Nothing on disk is touched.
 * @throws UserError BAD_RPMDB
 */
export function writeRpmdb(base: Uint8Array | null, change: RpmdbChange): Uint8Array {
  const db = openSqlite(base === null ? ':memory:' : sqliteImage(base));
  try {
    db.pragma('foreign_keys = OFF');
    db.transaction(() => applyChange(db, base === null, change))();
    return db.serialize();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('BAD_RPMDB', `the package database cannot be changed: ${String(error)}`, {
      cause: error,
    });
  } finally {
    db.close();
  }
}

/**
 * The same change made in a file, which nobody else has open: for databases whose bytes are better not all in memory.
 * Nothing is synced; a crash leaves a file that is not to be used. @throws UserError BAD_RPMDB
 */
export function changeRpmdbFile(file: string, change: RpmdbChange): void {
  markAsRollbackMode(file);
  const db = openSqlite(file, { fileMustExist: true });
  try {
    db.pragma('journal_mode = OFF');
    db.pragma('synchronous = OFF');
    db.pragma('foreign_keys = OFF');
    db.transaction(() => applyChange(db, false, change))();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('BAD_RPMDB', `the package database cannot be changed: ${String(error)}`, {
      cause: error,
    });
  } finally {
    db.close();
  }
}

/** As `sqliteImage`, in place. */
function markAsRollbackMode(file: string): void {
  const fd = fs.openSync(file, 'r+');
  try {
    const start = Buffer.alloc(SQLITE_HEADER);
    fs.readSync(fd, start, 0, start.length, 0);
    const marked = sqliteImage(start, file);
    if (!marked.equals(start)) fs.writeSync(fd, marked, 0, marked.length, 0);
  } finally {
    fs.closeSync(fd);
  }
}

function applyChange(db: SqliteDatabase, isNew: boolean, change: RpmdbChange): void {
  if (isNew) createTables(db);
  const tables = existingTables(db);
  for (const hnum of change.remove) removePackage(db, tables, hnum);
  const addPackage = packageAdder(db, tables);
  for (const header of change.add) addPackage(header);
}

function createTables(db: SqliteDatabase): void {
  db.exec(`CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)`);
  for (const { name, keyType, indexes } of INDEX_TABLES) {
    db.exec(
      `CREATE TABLE '${name}' (key '${keyType}' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, ` +
        `FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum))`,
    );
    for (const column of indexes) db.exec(`CREATE INDEX '${name}_${column}_idx' ON '${name}'(${column} ASC)`);
  }
}

/** A database of another version of rpm may have fewer tables, and some that we do not know. */
function existingTables(db: SqliteDatabase): IndexTable[] {
  const names = new Set(
    db.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all(),
  );
  if (!names.has('Packages')) throw new UserError('BAD_RPMDB', 'the package database has no packages table');
  return INDEX_TABLES.filter(({ name }) => names.has(name));
}

function removePackage(db: SqliteDatabase, tables: readonly IndexTable[], hnum: number): void {
  for (const { name } of tables) db.prepare(`DELETE FROM '${name}' WHERE hnum = ?`).run(hnum);
  const { changes } = db.prepare(`DELETE FROM 'Packages' WHERE hnum = ?`).run(hnum);
  if (changes !== 1)
    throw new UserError('BAD_RPMDB', `the package database has no package ${hnum} to remove`);
}

function packageAdder(db: SqliteDatabase, tables: readonly IndexTable[]): (header: Uint8Array) => void {
  const insert = db.prepare(`INSERT INTO 'Packages' (blob) VALUES (?)`);
  const indexes = tables.map((table) => ({
    table,
    statement: db.prepare(`INSERT INTO '${table.name}' VALUES (CAST(? AS ${table.keyType}), ?, ?)`),
  }));
  return (bytes) => {
    const header = parseHeader(bytes, 'a package to install');
    const where = formatNevra(nevraOf(header));
    const hnum = Number(insert.run(bytes).lastInsertRowid);
    for (const { table, statement } of indexes)
      for (const row of indexRows(table, { ...header, where })) statement.run(row.key, hnum, row.idx);
  };
}
