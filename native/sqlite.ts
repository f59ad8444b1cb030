import Database from 'better-sqlite3';
import { loadAddon } from '#native/load.ts';

export type SqliteDatabase = Database.Database;

export interface SqliteOptions {
  readonly readonly?: boolean;
  readonly fileMustExist?: boolean;
}

/**
 * An SQLite database: a file's path, the bytes of a whole database (it stays in memory), or ':memory:'.
 * @throws SqliteError (its `code` is SQLite's, e.g. 'SQLITE_NOTADB')
 */
export function openSqlite(file: string | Buffer, options: SqliteOptions = {}): SqliteDatabase {
  return new Database(file, { ...options, nativeBinding: loadAddon('better_sqlite3.node') as string });
}
