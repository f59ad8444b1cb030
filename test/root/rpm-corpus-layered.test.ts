/** Real packages of other projects layered for real: the tree and what rpm says of it beside what rpm itself makes. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importRpm } from '#layering/import-rpm.ts';
import { treePathOf } from '#layering/import-paths.ts';
import { packageRef } from '#layering/package-tree.ts';
import { readRpmFile, type RpmFile } from '#layering/rpm-file.ts';
import { loadSyscalls } from '#native/load.ts';
import { UserError } from '#ostree/format/errors.ts';
import { closeRepo, openRepo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import { BASE_REF, makeTestSystem, runProgram, type TestSystem } from '#test/root/layering-sysroot.ts';
import { corpusFiles, HAS_CORPUS } from '#test/root/rpm-corpus.ts';

interface Candidate {
  readonly file: string;
  readonly rpm: RpmFile;
  readonly ref: string;
}

/** Names and files that only rpm 4.19 makes users for, from what the packages provide. */
const OWNED_BY_NEW_USERS = /^(usr\/lib\/)?opt\/rpm-file-attrs\//;

let system: TestSystem;
let base: string;

describe.runIf(HAS_CORPUS)('packages of the corpus', () => {
  beforeAll(() => {
    const local = { name: 'local', files: [{ path: '/usr/local/share/of-base', content: 'base\n' }] };
    system = makeTestSystem('/var/tmp', { base: [local], withRpm: true });
    base = path.join(system.directory, 'base');
    runProgram('ostree', ['checkout', `--repo=${system.repo}`, '--union', '--force-copy', BASE_REF, base]);
  }, 300_000);
  afterAll(() => system.remove());

  test('are the same files as with rpm, and verify', { timeout: 1_800_000 }, () => {
    const { candidates, refused } = imported();
    const counts = { packages: candidates.length, refused: refused.length, rounds: 0, files: 0, outside: 0 };
    for (const round of roundsOf(candidates)) {
      counts.rounds++;
      const reference = byRpm(round);
      const tree = byOurs(round);
      const compared = compare(reference, tree);
      expect([round.map(({ file }) => path.basename(file)), compared.differences]).toEqual([
        expect.anything(),
        [],
      ]);
      counts.files += compared.files;
      counts.outside += compared.outside;
      fs.renameSync(path.join(tree, 'usr/etc'), path.join(tree, 'etc'));
      const names = round.map(({ rpm }) => rpm.nevra.name);
      const [theirs, own] = [verified(reference, names), verified(tree, names)];
      expect(own.filter((line) => !theirs.includes(line) && !isExplained(line))).toEqual([]);
      for (const root of [reference, tree]) fs.rmSync(root, { recursive: true });
    }
    console.log(`corpus, layered: ${JSON.stringify(counts)}`);
    // What lies outside of all that a tree can have.
    expect(refused.filter((text) => !/cannot be part of a tree|has no digest/.test(text))).toEqual([]);
    expect(counts.packages).toBeGreaterThan(60);
    expect(counts.files).toBeGreaterThan(400);
  });
});

/** Binary packages that rpm reads, one of each content; signed ones are no others. */
function imported(): { readonly candidates: Candidate[]; readonly refused: string[] } {
  const seen = new Set<string>();
  const candidates: Candidate[] = [];
  const refused: string[] = [];
  const repo = openRepo(loadSyscalls(), system.repo);
  const txn = Transaction.begin(repo);
  try {
    for (const file of corpusFiles('rpms', '.rpm')) {
      const query = ['-qp', '--nosignature', '--qf', '%{SOURCEPACKAGE} %{NEVRA} [%{FILEDIGESTS}]', file];
      const { status, stdout } = spawnSync('rpm', query, { encoding: 'utf8' });
      if (status !== 0 || stdout.startsWith('1') || seen.has(stdout)) continue;
      seen.add(stdout);
      try {
        const rpm = readRpmFile(file);
        importRpm(txn, rpm);
        candidates.push({ file, rpm, ref: packageRef(rpm.nevra, rpm.headerSha256) });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refused.push(error.message);
      }
    }
    txn.commit();
  } finally {
    txn.abort();
    closeRepo(repo);
  }
  return { candidates, refused };
}

/** Sets of packages that one transaction can have: one of a name, and no two with the same file. */
function roundsOf(candidates: readonly Candidate[]): Candidate[][] {
  const rounds: { readonly packages: Candidate[]; readonly taken: Set<string> }[] = [];
  for (const one of candidates) {
    const { nevra, files } = one.rpm;
    const takes = [
      nevra.name,
      ...files.filter(({ digest, linkto }) => digest + linkto !== '').map((file) => file.path),
    ];
    let round = rounds.find(({ taken }) => !takes.some((what) => taken.has(what)));
    if (round === undefined) rounds.push((round = { packages: [], taken: new Set() }));
    round.packages.push(one);
    for (const what of takes) round.taken.add(what);
  }
  return rounds.map(({ packages }) => packages);
}

function byRpm(round: readonly Candidate[]): string {
  const root = fs.mkdtempSync(path.join(system.directory, 'reference-'));
  runProgram('cp', ['-a', `${base}/.`, root]);
  fs.renameSync(path.join(root, 'usr/etc'), path.join(root, 'etc'));
  fs.mkdirSync(path.join(root, 'tmp'));
  const how = ['--nodeps', '--ignorearch', '--nosignature', '--force-debian', '--root', root];
  runProgram('rpm', [...how, '--dbpath', '/usr/share/rpm', '-i', ...round.map(({ file }) => file)]);
  return root;
}

function byOurs(round: readonly Candidate[]): string {
  const scripts = fs.mkdtempSync(path.join(system.sysroot, 'scripts-'));
  const words = ['debug', 'compose', `--repo=${system.repo}`, `--scripts=${scripts}`, BASE_REF];
  const client = path.resolve('cli/bin/yum-ostree');
  const out = runProgram(process.execPath, [client, ...words, ...round.map(({ ref }) => ref)]);
  fs.rmSync(scripts, { recursive: true });
  const root = path.join(system.directory, `ours-${path.basename(scripts)}`);
  const [commit = ''] = out.split('\n');
  runProgram('ostree', ['checkout', `--repo=${system.repo}`, '--require-hardlinks', commit, root]);
  return root;
}

interface Comparison {
  readonly differences: readonly string[];
  readonly files: number;
  /** What a tree has no place for: systemd-tmpfiles makes it, or nobody. */
  readonly outside: number;
}

function compare(reference: string, tree: string): Comparison {
  const [theirs, ours, before] = [reference, tree, base].map(listing);
  const differences: string[] = [];
  const expected = new Set<string>();
  let outside = 0;
  for (const [name, what] of theirs ?? []) {
    // `bin` and the like are links into usr in both.
    const place = before?.get(name) === what && what.startsWith('l') ? name : treePathOf(name);
    if (place === null) {
      if (before?.get(name) !== what) outside++;
      continue;
    }
    expected.add(place);
    const own = ours?.get(place);
    if (own !== what && !OWNED_BY_NEW_USERS.test(place))
      differences.push(`${name}: ${what} with rpm, ${own ?? 'missing'} with ours`);
  }
  for (const [name, what] of ours ?? [])
    if (name.startsWith('usr/') && before?.get(name) !== what && !expected.has(name) && !isOfTrees(name))
      differences.push(`${name}: ${what} only with ours`);
  return { differences, files: expected.size - (before?.size ?? 0), outside };
}

/** For files outside of the tree, and for users. */
function isOfTrees(name: string): boolean {
  return /^usr\/(lib\/tmpfiles\.d|share\/factory)(\/|$)/.test(name);
}

/** Kind, mode, owners, content, target and capabilities by path; of directories with owner write, as objects have it. */
function listing(root: string): Map<string, string> {
  const format = '%p\\t%y %m %U:%G %l\\n';
  const skipped = [
    '(',
    '-path',
    'usr/share/rpm',
    '-o',
    '-path',
    'etc/*passwd*',
    '-o',
    '-path',
    'etc/*group*',
    '-o',
    '-path',
    'etc/*shadow*',
    '-o',
    '-path',
    'usr/etc/*passwd*',
    '-o',
    '-path',
    'usr/etc/*group*',
    '-o',
    '-path',
    'usr/etc/*shadow*',
    ')',
  ];
  const top = fs.readdirSync(root).filter((name) => name !== 'tmp');
  const find = spawnSync('find', [...top, ...skipped, '-prune', '-o', '-printf', format], {
    cwd: root,
    encoding: 'utf8',
  });
  const entries = find.stdout.trim().split('\n');
  return new Map(
    entries.map((line) => {
      const [name = '', what = ''] = line.split('\t');
      const file = path.join(root, name);
      const isFile = what.startsWith('f');
      const bits = parseInt(what.split(' ')[1] ?? '0', 8);
      const shown = what.startsWith('d') ? what.replace(/^d \d+/, `d ${(bits | 0o200).toString(8)}`) : what;
      const content = isFile ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : '';
      return [name, `${shown}${content} ${isFile ? capability(file) : ''}`];
    }),
  );
}

function capability(file: string): string {
  const words = ['--absolute-names', '--only-values', '-n', 'security.capability', file];
  return spawnSync('getfattr', words, { encoding: 'buffer' }).stdout.toString('hex');
}

function verified(root: string, names: readonly string[]): string[] {
  const words = ['--root', root, '--dbpath', '/usr/share/rpm', '-V', '--nomtime', '--nodeps', ...names];
  const { stdout } = spawnSync('rpm', words, { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** As docs/layering.md has it; and /usr/etc, which is /etc here. */
function isExplained(line: string): boolean {
  return (
    /^missing +\/usr\/etc$/.test(line) ||
    /^\.{4}L\.{4} +\/(home|root|opt|srv|mnt|media)$/.test(line) ||
    /^missing +[a-z]? *\/(var|run|opt|boot|dev|home|media|mnt|proc|root|srv|sys|tmp)(\/|$)/.test(line) ||
    /^\.M\.{7} /.test(line) ||
    /\/opt\/rpm-file-attrs\//.test(line)
  );
}
