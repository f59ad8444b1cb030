/** What planning scripts asks of the base's rpmdb; only headers of packages that matter are parsed. */
import fs from 'node:fs';
import { openSqlite, type SqliteDatabase } from '#native/sqlite.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { parseHeader, type RpmHeader } from '#layering/rpm-header.ts';
import { readingDatabase, sqliteImage } from '#layering/rpmdb-read.ts';
import { scriptSource, type ScriptSource } from '#layering/script-source.ts';
import { filesInReach } from '#layering/scripts-triggers.ts';
import type { InstalledPackages } from '#layering/scripts-order.ts';

export interface DatabaseFile {
  /** Host path; it is only read. */
  readonly file: string;
  /** What errors call it. */
  readonly where: string;
}

export interface InstalledForScripts extends InstalledPackages {
  readonly removed: readonly ScriptSource[];
}

/** A prefix sorts before everything that begins with it, and all of that before the prefix with this after it. */
const LAST_CHARACTER = '\u{10ffff}';

/**
 * The base's packages as far as `added` ones, or the going of `removals`, set off their triggers.
 * The view closes with `close`. @throws UserError BAD_RPMDB, BAD_RPM_HEADER
 */
export function installedForScripts(
  { file, where }: DatabaseFile,
  changes: { readonly added: readonly ScriptSource[]; readonly removals: readonly Nevra[] },
): InstalledForScripts & { close(): void } {
  const db = readingDatabase(where, () => openSqlite(sqliteImage(fs.readFileSync(file), where)));
  const headers = new Map<number, RpmHeader>();
  const header = (hnum: number): RpmHeader => {
    const known = headers.get(hnum) ?? readHeader(db, where, hnum);
    headers.set(hnum, known);
    return known;
  };
  const select = (sql: string, parameters: readonly string[] = []): number[] =>
    readingDatabase(where, () =>
      db
        .prepare<string[], number>(sql)
        .pluck()
        .all(...parameters),
    );
  const named = (name: string): number[] => select('SELECT hnum FROM Name WHERE key = ?', [name]);
  const source = (hnum: number): ScriptSource => scriptSource(nevraOf(header(hnum)).name, header(hnum));
  const ownersOf = (path: string): number[] =>
    select('SELECT DISTINCT hnum FROM Basenames WHERE key = ?', [
      path.slice(path.lastIndexOf('/') + 1),
    ]).filter((hnum) => filePaths(header(hnum)).includes(path));
  const removed = changes.removals.flatMap((one) =>
    named(one.name).filter((hnum) => formatNevra(nevraOf(header(hnum))) === formatNevra(one)),
  );
  const gone = new Set(removed);
  const names = [...changes.added.map(({ name }) => name), ...changes.removals.map(({ name }) => name)];
  const set = triggerNumbers(select, names);
  const ordered = [...new Set([...set, ...removed])].sort((a, b) => a - b);
  const sources = new Map(ordered.map((hnum) => [hnum, source(hnum)]));
  const sourcesOf = (hnums: readonly number[]): ScriptSource[] =>
    hnums.flatMap((hnum) => sources.get(hnum) ?? []);
  return {
    versions: (name) => named(name).map((hnum) => nevraOf(header(hnum))),
    files: (prefixes, without) => {
      const numbers = new Set(removed.filter((hnum) => without.some((one) => one === sources.get(hnum))));
      return filesBelow(select, header, { prefixes, gone: numbers });
    },
    keeps: (path) => ownersOf(path).some((hnum) => !gone.has(hnum)),
    triggering: sourcesOf(set.filter((hnum) => !gone.has(hnum))),
    present: sourcesOf(ordered),
    removed: sourcesOf(removed),
    close: () => db.close(),
  };
}

type Select = (sql: string, parameters?: readonly string[]) => number[];

/** Packages with file triggers, and those with triggers for one of the names, in the database's order. */
function triggerNumbers(select: Select, names: readonly string[]): number[] {
  const found = new Set([
    ...select('SELECT DISTINCT hnum FROM Filetriggername'),
    ...select('SELECT DISTINCT hnum FROM Transfiletriggername'),
    ...names.flatMap((name) => select('SELECT DISTINCT hnum FROM Triggername WHERE key = ?', [name])),
  ]);
  return [...found].sort((a, b) => a - b);
}

function filesBelow(
  select: Select,
  header: (hnum: number) => RpmHeader,
  { prefixes, gone }: { readonly prefixes: readonly string[]; readonly gone: ReadonlySet<number> },
): string[] {
  const owners = new Set(
    prefixes.flatMap((prefix) =>
      select('SELECT hnum FROM Dirnames WHERE key >= ? AND key < ?', [prefix, prefix + LAST_CHARACTER]),
    ),
  );
  return [...owners]
    .filter((hnum) => !gone.has(hnum))
    .sort((a, b) => a - b)
    .flatMap((hnum) => filesInReach({ files: () => filePaths(header(hnum)) }, prefixes));
}

function readHeader(db: SqliteDatabase, where: string, hnum: number): RpmHeader {
  const blob = readingDatabase(where, () =>
    db.prepare<[number], Uint8Array>('SELECT blob FROM Packages WHERE hnum = ?').pluck().get(hnum),
  );
  return parseHeader(blob ?? new Uint8Array(), `package ${hnum} in ${where}`);
}
