import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rpmdbLines } from '#cli/debug-rpmdb-list.ts';
import { getNumber, getRaw } from '#layering/rpm-header.ts';
import { isSource } from '#layering/rpm-file-list.ts';
import { readRpmFile, type RpmFile } from '#layering/rpm-file.ts';
import { TAG } from '#layering/rpm-tags.ts';
import { openBaseDatabase } from '#layering/compose-database.ts';
import { installedForScripts } from '#layering/installed-triggers.ts';
import { parseNevra } from '#layering/nevra.ts';
import { installedHeader } from '#layering/rpmdb-header.ts';
import { INDEX_TABLES } from '#layering/rpmdb-index.ts';
import { readRpmdb, Rpmdb, RPMDB_FILE, sqliteImage } from '#layering/rpmdb-read.ts';
import { writeRpmdb } from '#layering/rpmdb-write.ts';
import { loadSyscalls } from '#native/load.ts';
import { openSqlite } from '#native/sqlite.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { closeRepo, createRepo } from '#ostree/repo/repo.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { corpusFiles, HAS_CORPUS } from './rpm-corpus.ts';
import { MANY_FILES, NO_FILES, SAMPLE } from './rpm-samples.ts';

/** In memory where that is possible: rpm syncs its database many times. */
const [memory = os.tmpdir()] = ['/dev/shm'].filter((directory) => fs.existsSync(directory));
const scratch = fs.mkdtempSync(path.join(memory, 'yum-ostree-test-rpmdb-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

/** Installing nothing but the database's record. */
const JUST_DB = [
  '--force-debian',
  '--justdb',
  '--nodeps',
  '--noscripts',
  '--notriggers',
  '--nosignature',
].concat(['--nodigest', '--ignorearch', '--ignoreos', '--force']);

/** `rpm --qf` of a package with its epoch. */
const EPOCHS = '%{name} %{epochnum} %{version} %{release} %|arch?{%{arch}}|\\n';

function quickLines(file: string): string[] {
  const db = new Rpmdb(file);
  try {
    const lines = db
      .nevras()
      .map((one) => [one.name, one.epoch, one.version, one.release, one.arch].join(' '));
    return lines.sort();
  } finally {
    db.close();
  }
}

let sample: string;
let rpms: string[];
beforeAll(() => {
  sample = buildRpm(scratch, SAMPLE);
  rpms = [sample, buildRpm(scratch, { ...MANY_FILES, files: MANY_FILES.files?.slice(0, 50) ?? [] })];
  rpms.push(buildRpm(scratch, NO_FILES));
});

describe('a database of the same packages', () => {
  test('equals what rpm writes: every header bit for bit, every row of every index, the schema', () => {
    for (const file of rpms) expectSameDatabase(file);
  });

  test.runIf(HAS_CORPUS)('also for every real package', () => {
    const files = corpusFiles('rpms', '.rpm').filter((file) => !isSource(readRpmFile(file).header));
    expect(files.length).toBeGreaterThan(150);
    for (const file of files) expectSameDatabase(file);
  });
});

describe('a database that we wrote', () => {
  test('answers rpm as one that rpm wrote', () => {
    const theirs = databaseByRpm('theirs', rpms);
    const ours = databaseByUs('ours', rpms, installTimesOf(theirs));
    for (const query of [
      ['-qa'],
      ['-qa', '--qf', '%{nevra} %{installtime} %{filestates} %{sigmd5} %{sha256header}\\n'],
      ['-ql', 'sample'],
      ['-qf', '/usr/bin/link', '/etc/sample.conf', '/usr/share/many/7/file-7'],
      ['-q', '--whatprovides', 'virtual', '/usr/bin/setuid'],
      ['-q', '--whatrequires', 'bash', 'gdb'],
      ['-q', '--whatconflicts', 'enemy'],
      ['-q', '--whatobsoletes', 'ancestor'],
      ['-q', '--whatrecommends', 'friend'],
      ['-q', '--triggeredby', 'bash'],
      ['-q', '--scripts', 'sample'],
      ['-q', '--filetriggers', 'sample'],
    ])
      expect([query, sortedLines(rpm(ours, query))]).toEqual([query, sortedLines(rpm(theirs, query))]);
  });

  test('verifies against the installed files', () => {
    const root = path.join(scratch, 'root');
    fs.mkdirSync(path.join(root, 'etc'), { recursive: true });
    for (const name of ['passwd', 'group']) fs.copyFileSync(`/etc/${name}`, path.join(root, 'etc', name));
    const flags = ['--force-debian', '--nodeps', '--noscripts', '--notriggers', '--nosignature'];
    run(['--root', root, '--dbpath', '/usr/share/rpm', ...flags, '-i', ...rpms]);
    const file = path.join(root, 'usr/share/rpm', RPMDB_FILE);
    const times = installTimesOf(path.dirname(file));
    for (const name of fs.readdirSync(path.dirname(file))) fs.rmSync(path.join(path.dirname(file), name));
    fs.writeFileSync(file, database(rpms, times));
    const verify = ['--root', root, '--dbpath', '/usr/share/rpm', '-Va', '--nodeps', '--noscripts'];
    expect(run(verify)).toBe('');
    fs.appendFileSync(path.join(root, 'usr/share/-dash'), 'changed');
    expect(run(verify, [0, 1])).toContain('/usr/share/-dash');
  });

  test('is in journal mode DELETE and is not written to by reading it', () => {
    const directory = databaseByUs('quiet', rpms, 1);
    const before = fs.readFileSync(path.join(directory, RPMDB_FILE));
    expect([before[18], before[19]]).toEqual([1, 1]);
    readRpmdb(path.join(directory, RPMDB_FILE));
    expect(fs.readdirSync(directory)).toEqual([RPMDB_FILE]);
    expect(fs.readFileSync(path.join(directory, RPMDB_FILE)).equals(before)).toBe(true);
    expect(query(before, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('is the same for the same input', () => {
    expect(Buffer.from(database(rpms, 7)).equals(database(rpms, 7))).toBe(true);
  });
});

describe('a change of a database', () => {
  test('adds to and removes from what rpm wrote in WAL mode, as rpm -e and -i would', () => {
    const before = databaseByRpm('before', rpms.slice(0, 2));
    const installed = readRpmdb(path.join(before, RPMDB_FILE));
    const gone = installed.find(({ header }) => header.where !== '' && getNumber(header, TAG.EPOCH) === 1);
    expect(gone).toBeDefined();
    const bytes = writeRpmdb(fs.readFileSync(path.join(before, RPMDB_FILE)), {
      remove: [gone?.hnum ?? -1],
      add: [recordOf(readRpmFile(rpms[2] ?? ''), 5)],
    });
    const after = path.join(scratch, 'after');
    fs.mkdirSync(after);
    fs.writeFileSync(path.join(after, RPMDB_FILE), bytes);
    run(['--dbpath', before, '--force-debian', '--justdb', '--nodeps', '--noscripts', '-e', 'sample']);
    run(['--dbpath', before, ...JUST_DB, '-i', rpms[2] ?? '']);
    expect(sortedLines(rpm(after, ['-qa']))).toEqual(sortedLines(rpm(before, ['-qa'])));
    expect(rowsOf(bytes, 'Basenames')).toEqual(
      rowsOf(fs.readFileSync(path.join(before, RPMDB_FILE)), 'Basenames'),
    );
    expect(rowsOf(bytes, 'Providename')).toEqual(
      rowsOf(fs.readFileSync(path.join(before, RPMDB_FILE)), 'Providename'),
    );
  });

  test('of a package that is not there is refused', () => {
    expect(() => writeRpmdb(database(rpms, 1), { add: [], remove: [99] })).toThrow(/has no package 99/);
  });
});

describe('reading', () => {
  test('lists what rpm -qa lists, from the root of a tree and from the directory', () => {
    const root = path.join(scratch, 'tree');
    fs.mkdirSync(path.join(root, 'usr/share'), { recursive: true });
    fs.renameSync(databaseByRpm('listed', rpms), path.join(root, 'usr/share/rpm'));
    const expected = sortedLines(rpm(path.join(root, 'usr/share/rpm'), ['-qa']));
    expect(rpmdbLines(root, loadSyscalls())).toEqual(expected);
    expect(rpmdbLines(path.join(root, 'usr/share/rpm'), loadSyscalls())).toEqual(expected);
  });

  test.runIf(HAS_CORPUS)('lists real databases', () => {
    const files = corpusFiles('rpmdb', RPMDB_FILE);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const directory = fs.mkdtempSync(path.join(scratch, 'real-'));
      fs.copyFileSync(file, path.join(directory, RPMDB_FILE));
      const ours = rpmdbLines(directory, loadSyscalls());
      expect(ours).toEqual(sortedLines(rpm(directory, ['-qa'])));
      expect(quickLines(path.join(directory, RPMDB_FILE))).toEqual(
        sortedLines(rpm(directory, ['-qa', '--qf', EPOCHS])),
      );
    }
  });

  test('the quick list is that of rpm -qa, also of headers whose start does not hold all of it', () => {
    // The summary stands before the architecture.
    const long = buildRpm(scratch, { name: 'long', epoch: 3, summary: 'long '.repeat(2000).trim() });
    const directory = databaseByRpm('quick', [...rpms, long]);
    const expected = sortedLines(rpm(directory, ['-qa', '--qf', EPOCHS]));
    expect(quickLines(path.join(directory, RPMDB_FILE))).toEqual(expected);
  });

  test('takes in what still waits in a -wal file, without touching it', () => {
    const directory = databaseByRpm('wal', rpms.slice(0, 1));
    const file = path.join(directory, RPMDB_FILE);
    // A writer that goes on: its last transaction stays in the log.
    const writer = openSqlite(file);
    writer.pragma('wal_autocheckpoint = 0');
    writer.prepare('INSERT INTO Packages (blob) VALUES (?)').run(recordOf(readRpmFile(rpms[2] ?? ''), 1));
    const copy = path.join(scratch, 'wal-copy');
    fs.cpSync(directory, copy, { recursive: true });
    writer.close();
    const wal = fs.readFileSync(path.join(copy, `${RPMDB_FILE}-wal`));
    expect(wal.length).toBeGreaterThan(0);
    expect(readRpmdb(path.join(copy, RPMDB_FILE))).toHaveLength(2);
    expect(fs.readFileSync(path.join(copy, `${RPMDB_FILE}-wal`)).equals(wal)).toBe(true);
  });

  test('finds packages by name and by file', () => {
    const db = new Rpmdb(database(rpms, 1));
    try {
      expect(db.byName('sample')).toHaveLength(1);
      expect(db.byName('nothing')).toEqual([]);
      expect(db.ownersOf('/usr/share/many/7/file-7').map(({ hnum }) => hnum)).toEqual([2]);
      expect(db.ownersOf('/elsewhere/file-7')).toEqual([]);
    } finally {
      db.close();
    }
  });

  test.each([
    ['not a database', Buffer.from('hello, world, hello, world'), /is not an SQLite database/],
    ['cut off', undefined, /cannot be read|malformed/],
  ])('%s is refused in one line', (name, bytes, message) => {
    const whole = database(rpms, 1);
    const file = path.join(scratch, `${name}.sqlite`);
    fs.writeFileSync(file, bytes ?? whole.subarray(0, whole.length / 2));
    expect(() => readRpmdb(file)).toThrow(message);
  });
});

describe("a base commit's database", () => {
  const place = 'usr/share/rpm/rpmdb.sqlite';
  const repo = createRepo(loadSyscalls(), path.join(scratch, 'repo'), 'bare');
  afterAll(() => closeRepo(repo));

  test.each(['-wal', '-journal'])(
    'whose changes still wait in %s is refused, an empty one is not',
    (suffix) => {
      const closed = commitOf({ [place]: database(rpms, 1), [`${place}${suffix}`]: '' });
      const opened = openBaseDatabase(repo, closed);
      expect(opened.headers()).toHaveLength(rpms.length);
      opened.close();
      const open = commitOf({ [place]: database(rpms, 1), [`${place}${suffix}`]: 'changes' });
      expect(() => openBaseDatabase(repo, open)).toThrow(
        `${place} of the base ${open} was not closed: changes wait in rpmdb.sqlite${suffix}`,
      );
    },
  );

  test.each([
    ['foreign', () => Buffer.from('hello, world, hello, world')],
    ['cut off', () => database(rpms, 1).subarray(0, 20_000)],
  ])('that is %s is refused by its name in the tree and its commit', (_, bytes) => {
    const base = commitOf({ [place]: bytes() });
    const named = expect.objectContaining({
      code: 'BAD_RPMDB',
      message: expect.stringContaining(`${place} of the base ${base} `) as string,
    }) as unknown;
    expect(() => openBaseDatabase(repo, base).headers()).toThrow(named);
    const changes = { added: [], removals: [parseNevra('any-1-1.noarch')] };
    expect(() => installedForScripts(openBaseDatabase(repo, base), changes)).toThrow(named);
  });

  function commitOf(files: Readonly<Record<string, Uint8Array | string>>): Checksum {
    const root = fs.mkdtempSync(path.join(scratch, 'tree-'));
    for (const [name, content] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      fs.writeFileSync(path.join(root, name), content);
    }
    const words = [`--repo=${repo.path}`, 'commit', '--branch=base', `--tree=dir=${root}`];
    return execFileSync('ostree', words, { encoding: 'utf8' }).trim() as Checksum;
  }
});

function expectSameDatabase(file: string): void {
  const directory = databaseByRpm('one', [file]);
  const image = fs.readFileSync(path.join(directory, RPMDB_FILE));
  const [theirs] = readRpmdb(image);
  if (theirs === undefined) throw new Error(`rpm installed nothing of ${file}`);
  const rpmFile = readRpmFile(file);
  const states = theirs.header.entries.get(TAG.FILESTATES);
  const ours = installedHeader({
    header: rpmFile.header,
    signatureHeader: rpmFile.signatureHeader,
    installTime: getNumber(theirs.header, TAG.INSTALLTIME) ?? 0,
    transactionId: getNumber(theirs.header, TAG.INSTALLTID) ?? 0,
    color: getNumber(theirs.header, TAG.INSTALLCOLOR) ?? 0,
    ...(states === undefined ? {} : { fileStates: getRaw(theirs.header, states) }),
  });
  expect([file, Buffer.from(ours).equals(theirs.header.bytes)]).toEqual([file, true]);
  const written = writeRpmdb(null, { add: [ours], remove: [] });
  for (const { name } of INDEX_TABLES)
    expect([file, name, rowsOf(written, name)]).toEqual([file, name, rowsOf(image, name)]);
  expect(schemaOf(written)).toEqual(schemaOf(image));
}

function rowsOf(bytes: Uint8Array, table: string): unknown[] {
  return query(bytes, `SELECT key, hnum, idx FROM '${table}' ORDER BY hnum, rowid`);
}

function schemaOf(bytes: Uint8Array): unknown[] {
  return query(bytes, `SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name`);
}

function query(bytes: Uint8Array, sql: string): unknown[] {
  const db = openSqlite(sqliteImage(bytes));
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

/** `time`: when they were installed, or when each was. */
function database(files: readonly string[], time: number | readonly number[]): Uint8Array {
  const timeOf = (index: number): number => (typeof time === 'number' ? time : (time[index] ?? 0));
  const add = files.map((file, index) => recordOf(readRpmFile(file), timeOf(index)));
  return writeRpmdb(null, { add, remove: [] });
}

function recordOf(rpmFile: RpmFile, time: number): Uint8Array {
  const { header, signatureHeader } = rpmFile;
  return installedHeader({ header, signatureHeader, installTime: time, transactionId: time, color: 3 });
}

function databaseByUs(name: string, files: readonly string[], time: number | readonly number[]): string {
  const directory = path.join(scratch, name);
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, RPMDB_FILE), database(files, time));
  return directory;
}

/** Packages are installed one by one, so that they get their numbers in this order. */
function databaseByRpm(name: string, files: readonly string[]): string {
  const directory = path.join(scratch, name);
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory);
  for (const file of files) run(['--dbpath', directory, ...JUST_DB, '-i', file]);
  return directory;
}

/** In the order of installation, which may take more than a second. */
function installTimesOf(directory: string): number[] {
  return readRpmdb(path.join(directory, RPMDB_FILE)).map(
    ({ header }) => getNumber(header, TAG.INSTALLTIME) ?? 0,
  );
}

function rpm(directory: string, args: readonly string[]): string {
  return run(['--dbpath', directory, ...args], [0, 1]);
}

function run(args: readonly string[], accept: readonly number[] = [0]): string {
  try {
    return execFileSync('rpm', args, {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const { status, stdout } = error as { status?: number; stdout?: string };
    if (status !== undefined && accept.includes(status)) return stdout ?? '';
    throw error;
  }
}

function sortedLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
