/**
 * The corpus runner: every real package, database and metadata file that lies beside the project, as rpm sees it; what rpm
 * refuses is refused in one line. Counts are printed.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { dumpLines } from '#cli/debug-rpm-dump.ts';
import { rpmdbLines } from '#cli/debug-rpmdb-list.ts';
import { byteReader, readCpio } from '#layering/cpio.ts';
import { parseComps } from '#layering/comps.ts';
import { formatNvra } from '#layering/nevra.ts';
import { parseRepomd } from '#layering/repomd.ts';
import { fileDigestAlgorithm } from '#layering/rpm-file-list.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { readPayload } from '#layering/rpm-payload.ts';
import { loadSyscalls } from '#native/load.ts';
import { loadSolver } from '#native/solver.ts';
import { UserError } from '#ostree/format/errors.ts';
import { CORPUS, corpusFiles, HAS_CORPUS } from './rpm-corpus.ts';

/** Read by rpm and refused by us, and why. */
const OURS_ONLY = new Map([
  ['hello-1.0-1.x86_64.rpm-v3', 'packages of rpm 3 are not supported'],
  // rpm looks at it when it is installed.
  ['hello-2.0-1.x86_64-corrupted.rpm', 'it is missing'],
]);

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-corpus-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

interface Verdict {
  /** null where it was refused. */
  readonly text: string | null;
  readonly refusal: string;
}

describe.runIf(HAS_CORPUS)('the corpus', () => {
  test('packages: files, owners, modes, capabilities, digests and payload as rpm has them', () => {
    const files = [
      ...corpusFiles('rpms', '.rpm'),
      ...corpusFiles('hostile', '.rpm'),
      ...corpusFiles('hostile', '.rpm-v3'),
    ];
    const counts = { read: 0, 'refused by both': 0, 'refused by us alone': 0, files: 0 };
    const differences: unknown[] = [];
    for (const file of files) {
      const [theirs, ours] = [theirVerdict(file), ourVerdict(file)];
      const known = OURS_ONLY.get(path.basename(file));
      if (ours.text === null) {
        counts[theirs.text === null ? 'refused by both' : 'refused by us alone']++;
        const isExplained = theirs.text === null || (known !== undefined && ours.refusal.includes(known));
        if (!isExplained || ours.refusal.includes('\n'))
          differences.push([file, ours.refusal, theirs.refusal]);
      } else if (ours.text === theirs.text) {
        counts.read++;
        counts.files += ours.text.split('\n').length;
      } else differences.push([file, ours.text, theirs.text ?? theirs.refusal]);
    }
    console.log(`corpus, packages: ${JSON.stringify(counts)}`);
    expect(differences).toEqual([]);
    expect(counts.read).toBeGreaterThan(200);
    expect(counts['refused by us alone']).toBeLessThan(4);
  });

  test('what is cut off: where rpm refuses it, it is refused in one line', () => {
    const whole = corpusFiles('rpms', '.rpm').filter((_, at) => at % 40 === 0);
    let refused = 0;
    for (const file of whole)
      for (const part of [0, 0.01, 0.2, 0.5, 0.999]) {
        const bytes = fs.readFileSync(file);
        const cut = path.join(scratch, 'cut.rpm');
        fs.writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * part)));
        const ours = ourVerdict(cut);
        if (theirVerdict(cut).text !== null && ours.text !== null) continue;
        refused++;
        expect([file, part, ours.text, ours.refusal.includes('\n')]).toEqual([file, part, null, false]);
      }
    console.log(`corpus, cut off: ${refused} refused of ${whole.length * 5}`);
    expect(refused).toBeGreaterThan(whole.length * 3);
  });

  test('databases: SQLite as rpm -qa lists them, Berkeley DB and NDB refused by name', () => {
    const counts = { read: 0, refused: 0 };
    for (const name of ['rpmdb.sqlite', 'Packages', 'Packages.db'])
      for (const file of corpusFiles('rpmdb', `/${name}`)) {
        const directory = fs.mkdtempSync(path.join(scratch, 'db-'));
        fs.mkdirSync(path.join(directory, 'usr/share/rpm'), { recursive: true });
        fs.copyFileSync(file, path.join(directory, 'usr/share/rpm', name));
        const ours = verdictOf(() => rpmdbLines(directory, loadSyscalls()).join('\n'));
        if (name !== 'rpmdb.sqlite') {
          counts.refused++;
          expect(ours.refusal).toContain(`usr/share/rpm/${name} is not an SQLite database`);
          continue;
        }
        counts.read++;
        const { stdout } = rpm(['--dbpath', path.join(directory, 'usr/share/rpm'), '-qa']);
        expect(ours.text).toBe(stdout.trim().split('\n').sort().join('\n'));
      }
    console.log(`corpus, databases: ${JSON.stringify(counts)}`);
    expect(counts).toEqual({ read: 2, refused: 2 });
  });

  test('metadata: every repomd.xml and groups file is read, or refused in one line', async () => {
    const counts = { repomd: 0, groups: 0, refused: 0 };
    const refusals: string[] = [];
    for (const file of filesOf('repodata', /repomd\.xml$/)) {
      const verdict = verdictOf(() => [...parseRepomd(fs.readFileSync(file, 'utf8'), file).keys()].join());
      if (verdict.text === null) refusals.push(verdict.refusal);
      else counts.repomd++;
    }
    const addon = loadSolver();
    for (const file of filesOf('repodata', /comps.*\.xml(\.(gz|xz|zst))?$/)) {
      const text = Buffer.from(await addon.readCompressed(file, 64 << 20)).toString('utf8');
      const verdict = verdictOf(() => String(parseComps(text, file).groups.size));
      if (verdict.text === null) refusals.push(verdict.refusal);
      else counts.groups++;
    }
    counts.refused = refusals.length;
    console.log(`corpus, metadata: ${JSON.stringify(counts)}`);
    expect(refusals.filter((line) => line.includes('\n'))).toEqual([]);
    expect(counts.repomd).toBeGreaterThan(15);
    expect(counts.groups).toBeGreaterThan(3);
    expect(counts.refused).toBeLessThan(6);
  });

  test('archives that were made to deceive are read or refused', () => {
    for (const file of corpusFiles('hostile', '.cpio')) {
      const pieces = [fs.readFileSync(file)];
      const reader = byteReader(pieces[Symbol.iterator]());
      const names: string[] = [];
      try {
        for (const { name } of readCpio(reader, () => 0)) names.push(Buffer.from(name ?? []).toString());
      } catch (error) {
        expect([file, error]).toEqual([file, expect.any(Error)]);
        expect((error as Error).constructor).toBe(Error);
      }
      // The payload's reader takes only names that the header lists.
      expect(names.length).toBeLessThan(100);
    }
  });
});

/** The name, a line of capabilities a file, and the dump. */
function theirVerdict(file: string): Verdict {
  const format = '%{nvra}\n[%{FILENAMES} %{FILECAPS}\n]';
  const done = rpm(['-qp', '--nosignature', '--qf', format, '--dump', file]);
  return done.status === 0
    ? { text: normalName(done.stdout.replaceAll(' (none)\n', ' \n')), refusal: '' }
    : { text: null, refusal: done.stderr };
}

function ourVerdict(file: string): Verdict {
  return verdictOf(() => {
    const read = readRpmFile(file);
    for (const one of readPayload(read))
      for (const piece of one.content()) expect(piece.length).toBeGreaterThan(0);
    expect(fileDigestAlgorithm(read.header)).not.toBeNull();
    const caps = read.files.map(({ path: name, caps: own }) => `${name} ${own}`);
    // rpm has one line for none.
    const first = read.files.length === 0 ? [] : caps;
    return `${normalName([formatNvra(read.nevra), ...first, ...dumpLines(read)].join('\n'))}\n`;
  });
}

/** rpm calls a source package's architecture src. */
function normalName(text: string): string {
  const end = text.indexOf('\n');
  return text.slice(0, end).replace(/[^.]+$/, '') + text.slice(end);
}

function verdictOf(action: () => string): Verdict {
  try {
    return { text: action(), refusal: '' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text: null, refusal: error.message };
  }
}

function filesOf(folder: string, name: RegExp): string[] {
  const root = path.join(CORPUS, folder);
  const names = fs.readdirSync(root, { recursive: true }) as string[];
  return names
    .filter((one) => name.test(one) && fs.statSync(path.join(root, one)).isFile())
    .map((one) => path.join(root, one))
    .sort();
}

function rpm(args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const done = spawnSync('rpm', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  if (done.error !== undefined) throw done.error;
  return done;
}
