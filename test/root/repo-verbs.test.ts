/** Our repository verbs print what ostree(1) prints, line for line, and make the same commits. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  listing,
  makeEveryKind,
  makeScratch,
  ok,
  ours,
  removeScratch,
  theirs,
  TIME,
  type Ran,
} from './repo-fixture.ts';

let scratch = '';
let tree = '';
let later = '';

beforeAll(async () => {
  scratch = makeScratch();
  tree = path.join(scratch, 'tree');
  later = path.join(scratch, 'later');
  makeEveryKind(tree);
  fs.mkdirSync(path.join(tree, 'usr/lib/modules/6.1.0'), { recursive: true });
  fs.writeFileSync(path.join(tree, 'usr/lib/modules/6.1.0/vmlinuz'), 'kernel');
  fs.mkdirSync(path.join(later, 'usr/share'), { recursive: true });
  fs.writeFileSync(path.join(later, 'usr/share/owned'), 'changed');
  fs.writeFileSync(path.join(later, 'usr/new'), 'new');
  fs.chmodSync(path.join(later, 'usr'), 0o700);
  fs.writeFileSync(path.join(scratch, 'stat-override'), '+2048 /compressible\n=384 /odd/.hidden\n');
  fs.writeFileSync(path.join(scratch, 'skip-list'), '/modes/weird\n/odd/empty\n');
  await both(['init', '--mode=bare', '--collection-id=org.example.Test']);
});
afterAll(() => removeScratch(scratch));

/** Runs a verb with both tools, each on its own repository, and compares. */
async function both(args: readonly string[], options: { sorted?: boolean } = {}): Promise<void> {
  const repo = (name: string): readonly string[] => [...args, `--repo=${path.join(scratch, name)}`];
  const named = (ran: Ran, name: string): string => {
    const text = ran.text.replaceAll(path.join(scratch, name), 'REPO').trimEnd();
    return `${options.sorted === true ? text.split('\n').sort().join('\n') : text}\n[${ran.exitCode}]`;
  };
  const expected = named(theirs(repo('theirs')), 'theirs');
  expect(named(await ours(repo('ours')), 'ours'), args.join(' ')).toBe(expected);
}

test('commits', async () => {
  const dir = `--tree=dir=${tree}`;
  const metadata = [
    '--add-metadata-string=version=1.2',
    '--add-metadata=n=uint32 5',
    "--add-metadata=list=['a','b']",
    "--add-metadata=dict={'a': <1>, 'b': <@as []>}",
    '--add-metadata=bytes=[byte 1,2]',
    "--add-metadata=bs=b'foo'",
    `--add-metadata=tuple=(int64 -3, 2.5, true, 'q"u', just 'x', @mi nothing)`,
  ];
  await both([
    'commit',
    '-b',
    'x/y',
    TIME,
    '-s',
    'Subject',
    '-m',
    'one\ntwo',
    dir,
    ...metadata,
    '--add-detached-metadata-string=dk=dv',
  ]);
  await both(['commit', '-b', 'x/y', TIME, `--tree=dir=${later}`, '--tree=ref=x/y']);
  await both(['commit', '-b', 'x/y', TIME, '--tree=ref=x/y', '--skip-if-unchanged']);
  const many = ['zeta', 'alpha', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7'].map(
    (key) => `--add-metadata-string=${key}=1`,
  );
  await both(['commit', '-b', 'x/boot', TIME, dir, '--bootable', ...many]);
  await both(['commit', '-b', 'x/bound', TIME, dir, '--bind-ref=b/b', '--bind-ref=a/a', '--parent=none']);
  await both(['commit', '-b', 'x/bound', TIME, dir, '--owner-uid=3', '--owner-gid=4']);
  await both(['commit', '--orphan', TIME, dir, '-s', 'orphan']);
  await both(['commit', '-b', 'plain', TIME, dir, '--no-bindings', '--no-xattrs']);
  await both(['commit', '-b', 'canonical', TIME, dir, '--canonical-permissions']);
  await both(['commit', '-b', 'read-only', TIME, dir, '--mode-ro-executables']);
  const lists = [`--statoverride=${scratch}/stat-override`, `--skip-list=${scratch}/skip-list`];
  await both(['commit', '-b', 'listed', TIME, dir, ...lists]);
  for (const options of [
    ['--owner-uid=7', '--owner-gid=8'],
    ['--canonical-permissions'],
    ['--no-xattrs', '--mode-ro-executables'],
    lists,
  ])
    await both(['commit', '-b', 'modified', TIME, '--tree=ref=x/boot', ...options]);
  await both(['ls', '-R', '-X', 'modified']);
  await both(['commit', '-b', 'over', TIME, '--tree=ref=x/boot', `--tree=dir=${later}`]);
  await both(['commit', '-b', 'based', TIME, '--base=x/boot', `--tree=dir=${later}`]);
  await both([
    'commit',
    '-b',
    'over',
    TIME,
    `--tree=dir=${later}`,
    '--keep-metadata=ostree.ref-binding',
    '--no-bindings',
  ]);
  await both(['commit', TIME, dir]);
  for (const time of ['October 25 1985', '2005-10-29 12:43:29 -0200', 'November 05 1955', 'BACON'])
    await both(['commit', '-b', 'dated', `--timestamp=${time}`, dir]);
  await both(['show', 'dated']);
});

test('log and show', async () => {
  for (const args of [
    ['log', 'x/y'],
    ['log', '--raw', 'x/y'],
    ['show', 'x/y'],
    ['show', 'x/y^'],
    ['show', '--raw', 'x/y^'],
  ])
    await both(args);
  for (const key of ['version', 'n', 'list', 'dict', 'bytes', 'bs', 'tuple'])
    await both(['show', `--print-metadata-key=${key}`, 'x/y^']);
  await both(['show', '-B', '--print-metadata-key=n', 'x/y^']);
  await both(['show', '--print-detached-metadata-key=dk', 'x/y^']);
});

test('ls, cat and diff', async () => {
  for (const flags of [[], ['-R'], ['-R', '-C'], ['-R', '-X'], ['-R', '--nul-filenames-only'], ['-d']])
    await both(['ls', ...flags, 'x/y']);
  for (const at of ['/odd', '/odd/relative', 'usr/bin', '/nothing', '/usr/bin/setuid/below'])
    if (at !== '/usr/bin/setuid/below') await both(['ls', 'x/y', at]);
  await both(['cat', 'x/nothing', '/usr/new']);
  await both(['diff', 'x/y^', 'x/y']);
  await both(['diff', 'x/y']);
  await both(['diff', 'canonical', 'over']);
});

test('cat through links, and diff with directories', async () => {
  const [at, changed] = [path.join(scratch, 'linked'), path.join(scratch, 'changed')];
  fs.mkdirSync(path.join(at, 'd'), { recursive: true });
  fs.writeFileSync(path.join(at, 'plain'), 'content');
  for (const [target, name] of [
    ['plain', 'link'],
    ['/plain', 'd/absolute'],
    ['gone', 'dangling'],
    ['self', 'self'],
  ] as const)
    fs.symlinkSync(target, path.join(at, name));
  await both(['commit', '--branch=linked', TIME, `--tree=dir=${at}`]);
  for (const name of ['/dangling', '/nothing']) await both(['cat', 'linked', name]);
  const program = path.resolve('cli/bin/ostree');
  for (const name of ['/link', '/d/absolute'])
    expect(
      execFileSync(process.execPath, [program, 'cat', `--repo=${scratch}/ours`, 'linked', name], {
        encoding: 'utf8',
      }),
    ).toBe('content');
  expect((await ours(['cat', 'linked', '/self', `--repo=${scratch}/ours`])).text).toContain('symbolic links');
  fs.cpSync(at, changed, { recursive: true, verbatimSymlinks: true });
  fs.writeFileSync(path.join(changed, 'plain'), 'changed');
  fs.chmodSync(path.join(changed, 'd'), 0o700);
  fs.rmSync(path.join(changed, 'dangling'));
  fs.mkdirSync(path.join(changed, 'new/below'), { recursive: true });
  for (const [from, to] of [
    ['linked', at],
    ['linked', changed],
    [changed, 'linked'],
    [at, changed],
  ] as const)
    await both(['diff', from, to], { sorted: true });
  await both(['diff', '--owner-uid=7', '--owner-gid=8', 'linked', changed], { sorted: true });
  await both(['diff', '--no-xattrs', 'linked', changed], { sorted: true });
});

test('refs and names', async () => {
  for (const args of [['refs'], ['refs', '--list'], ['refs', 'x'], ['refs', '--list', 'x']])
    await both(args, { sorted: true });
  await both(['refs', '--create=n/m', 'x/y']);
  await both(['refs', '--create=n/m', 'x/y']);
  await both(['refs', '--create=n/m', 'canonical', '--force']);
  for (const rev of ['n/m', 'nope', 'x/y^', 'x/y^^', 'x/bound^^']) await both(['rev-parse', rev]);
  await both(['reset', 'nope', 'x/y']);
  await both(['refs', '--delete', 'n']);
  await both(['refs', '--delete', 'nope']);
  await both(['rev-parse', 'n/m']);
});

test('aliases of refs', async () => {
  await both(['refs', '--alias', '--create=alias/stable', 'x/y']);
  await both(['refs', '--alias']);
  await both(['rev-parse', 'alias/stable']);
  await both(['refs', '-A', 'alias/stable', '--create=x/boot']);
  await both(['refs', '--delete', 'x/y']);
  await both(['refs', '-A', '--create=alias/stable', 'x/boot']);
  await both(['refs', '-A', '--create=origin:x', 'x/y']);
  await both(['refs', '-A', '--create=other', 'nope']);
  const link = (name: string): string => fs.readlinkSync(path.join(scratch, name, 'refs/heads/alias/stable'));
  expect(link('ours')).toBe(link('theirs'));
  await both(['refs', '--delete', 'alias']);
  await both(['refs', '--alias']);
});

test('fsck compares refs and bindings', async () => {
  for (const name of ['our-bound', 'their-bound']) await ok(theirs(['init', `--repo=${scratch}/${name}`]));
  const run = async (...args: string[]): Promise<void> => {
    const mine = await ours([...args, `--repo=${scratch}/our-bound`]);
    const expected = theirs([...args, `--repo=${scratch}/their-bound`]);
    expect(mine.exitCode, args.join(' ')).toBe(expected.exitCode);
    const told = ({ text }: Ran): string[] => text.split('\n').filter((line) => line.startsWith('error'));
    expect(told(mine), args.join(' ')).toEqual(told(expected));
  };
  await run('commit', '-b', 'one', TIME, `--tree=dir=${later}`);
  await run('fsck', '--verify-bindings', '--verify-back-refs', '-q');
  await run('refs', '--create=two', 'one');
  await run('fsck', '--verify-bindings', '-q');
  await run('fsck', '--verify-back-refs', '-q');
  await run('refs', '--delete', 'one');
  await run('fsck', '--verify-back-refs', '-q');
  await run('commit', '-b', 'one', TIME, `--tree=dir=${later}`, '-s', 'another');
  await run('fsck', '--verify-back-refs', '-q');
  await run('commit', '-b', 'none', TIME, `--tree=dir=${later}`, '--no-bindings');
  await run('refs', '--delete', 'two');
  await run('fsck', '--verify-bindings', '-q');
});

test('metadata keys, and directories without further bits', async () => {
  const repo = `--repo=${scratch}/keys`;
  await ok(ours(['init', repo, '--mode=bare']));
  const metadata = [
    '--add-metadata-string=b=1',
    '--add-metadata-string=a=1',
    '--add-detached-metadata-string=d=1',
  ];
  await ok(ours(['commit', repo, '-b', 'x', `--tree=dir=${tree}`, ...metadata]));
  expect(await ok(ours(['show', repo, '--list-metadata-keys', 'x']))).toBe('a\nb\nostree.ref-binding');
  expect(await ok(ours(['show', repo, '--list-detached-metadata-keys', 'x']))).toBe('d');
  expect(await ours(['show', repo, '--print-related', 'x'])).toEqual(
    theirs(['show', repo, '--print-related', 'x']),
  );
  for (const run of [ours, theirs])
    await ok(run(['checkout', repo, '-M', '-H', 'x', path.join(scratch, `masked-${run.name}`)]));
  expect(listing(path.join(scratch, 'masked-ours'))).toBe(listing(path.join(scratch, 'masked-theirs')));
});

test('a repository without its scratch directory is used all the same', async () => {
  const repo = path.join(scratch, 'no-scratch');
  await ok(ours(['init', `--repo=${repo}`, '--mode=archive']));
  fs.rmdirSync(path.join(repo, 'tmp'));
  await ok(ours(['refs', `--repo=${repo}`]));
  expect(fs.existsSync(path.join(repo, 'tmp'))).toBe(true);
});

test('configuration and remotes', async () => {
  await both(['config', 'get', 'core.mode']);
  await both(['config', 'set', 'core.thing', 'value']);
  await both(['config', 'set', 'a.b', 'c']);
  await both(['config', 'get', 'core.nope']);
  await both(['config', 'unset', 'core.thing']);
  await both(['config', 'get', '--group=core', 'mode']);
  await both(['remote', 'add', 'origin', 'http://example.com/repo', '--no-gpg-verify']);
  await both(['remote', 'list']);
  await both(['remote', 'list', '-u']);
  await both(['remote', 'show-url', 'origin']);
  const config = (name: string): string => fs.readFileSync(path.join(scratch, name, 'config'), 'utf8');
  expect(config('ours')).toBe(config('theirs'));
});

test.each([[], ['--collection-id=org.example.One']])('summaries %s', async (...collection) => {
  const repo = (name: string): string => `--repo=${scratch}/summary-${name}-${collection.length}`;
  for (const name of ['ours', 'theirs'])
    await ok(theirs(['init', repo(name), '--mode=archive', ...collection]));
  const source = `${scratch}/summary-theirs-${collection.length}`;
  for (const ref of ['a', 'b'])
    await ok(theirs(['commit', repo('theirs'), '-b', ref, `--tree=dir=${later}`]));
  if (collection.length > 0)
    await ok(theirs(['refs', repo('theirs'), '--collections', '--create=org.example.Two:c', 'a']));
  const values = [
    "list=['a']",
    'n=uint32 5',
    'empty=@a{sv} {}',
    'tuple=(int64 3, @as [], byte 7)',
    'v=<<1>>',
  ];
  await ok(theirs(['summary', '-u', repo('theirs'), ...values.map((text) => `--add-metadata=${text}`)]));
  fs.copyFileSync(`${source}/summary`, `${scratch}/summary-ours-${collection.length}/summary`);
  for (const how of ['--view', '--raw'])
    expect(await ours(['summary', how, repo('ours')])).toEqual(theirs(['summary', how, repo('theirs')]));
});

test('a summary that follows the refs', async () => {
  const repo = `--repo=${scratch}/followed`;
  const refs = async (): Promise<string[]> =>
    (await ok(ours(['summary', '--view', repo]))).split('\n').filter((line) => line.startsWith('*'));
  await ok(ours(['init', repo, '--mode=archive']));
  await ok(ours(['config', 'set', repo, 'core.commit-update-summary', 'true']));
  await ok(ours(['commit', repo, '-b', 'a', TIME, `--tree=dir=${later}`]));
  expect(await refs()).toEqual(['* a']);
  await ok(ours(['refs', repo, '--create=b', 'a']));
  expect(await refs()).toEqual(['* a']);
  await ok(ours(['config', 'set', repo, 'core.auto-update-summary', 'true']));
  await ok(ours(['refs', repo, '--create=c', 'a']));
  expect(await refs()).toEqual(['* a', '* b', '* c']);
  await ok(ours(['refs', repo, '--delete', 'b']));
  expect(await refs()).toEqual(['* a', '* c']);
});

test('prune and fsck', async () => {
  await both(['prune', '--no-prune', '--refs-only', '--depth=0']);
  await both(['prune']);
  await both(['refs', '--delete', 'listed']);
  await both(['prune', '--refs-only', '--depth=0']);
  await both(['prune', '--refs-only']);
  await both(['log', 'x/y']);
  expect(listing(path.join(scratch, 'ours/objects'))).toBe(listing(path.join(scratch, 'theirs/objects')));
  await both(['fsck', '-q']);
});

test('prune of chosen refs and times', async () => {
  const init = (): void => {
    for (const name of ['our-history', 'their-history']) {
      fs.rmSync(path.join(scratch, name), { recursive: true, force: true });
      fs.cpSync(path.join(scratch, 'history'), path.join(scratch, name), { recursive: true });
    }
  };
  const history = `--repo=${scratch}/history`;
  await ok(theirs(['init', history, '--mode=archive']));
  for (const time of ['October 1 1985', 'October 2 1985', 'October 3 1985', 'now', '1 hour ago'])
    for (const ref of ['stable', 'dev'])
      await ok(
        theirs(['commit', history, '-b', ref, `--timestamp=${time}`, `--tree=dir=${later}`, '-s', time]),
      );
  await ok(theirs(['commit', history, '--orphan', `--tree=dir=${tree}`]));
  const week = '--keep-younger-than=1 week ago';
  for (const args of [
    [week],
    [week, '--depth=4', '--no-prune'],
    [week, '--retain-branch-depth=stable=4'],
    [week, '--retain-branch-depth=stable=-1', '--depth=1'],
    [week, '--only-branch=dev', '--retain-branch-depth=dev=1'],
    ['--retain-branch-depth=stable=2'],
    ['--retain-branch-depth=stable=0', '--depth=3'],
    ['--retain-branch-depth=stable=-5', '--depth=0'],
    ['--retain-branch-depth=stable=BACON'],
    ['--retain-branch-depth=gone=1', '--depth=0'],
    ['--only-branch=dev'],
    ['--only-branch=dev', '--depth=1'],
    ['--only-branch=dev', '--depth=4', '--retain-branch-depth=stable=0'],
    ['--only-branch=BACON'],
    ['--commit-only', '--refs-only', '--depth=1'],
    ['--commit-only', '--only-branch=dev', '--depth=0'],
    ['--keep-younger-than=BACON'],
    ['--no-prune', '--delete-commit=dev^'],
    ['--static-deltas-only'],
  ]) {
    init();
    const ran = await ours(['prune', ...args, `--repo=${scratch}/our-history`]);
    const expected = theirs(['prune', ...args, `--repo=${scratch}/their-history`]);
    expect(ran.exitCode, args.join(' ')).toBe(expected.exitCode);
    if (ran.exitCode === 0) expect(ran.text, args.join(' ')).toBe(expected.text);
    expect(listing(`${scratch}/our-history/objects`)).toBe(listing(`${scratch}/their-history/objects`));
  }
});

test('tombstones', async () => {
  const folder = { ours: path.join(scratch, 'our-graves'), theirs: path.join(scratch, 'their-graves') };
  const run = async (args: readonly string[]): Promise<void> => {
    const expected = theirs([...args, `--repo=${folder.theirs}`]);
    expect(await ours([...args, `--repo=${folder.ours}`]), args.join(' ')).toEqual(expected);
  };
  const commit = (subject: string) => run(['commit', '-b', 'x', TIME, `--tree=dir=${later}`, '-s', subject]);
  await run(['init', '--mode=bare']);
  for (const subject of ['1', '2', '3']) await commit(subject);
  await run(['prune', '--refs-only', '--depth=1']);
  await run(['fsck', '--add-tombstones', '-q']);
  // From now on every deletion leaves one.
  await commit('4');
  await run(['prune', '--refs-only', '--depth=0']);
  expect(listing(`${folder.ours}/objects`)).toBe(listing(`${folder.theirs}/objects`));
  expect(fs.globSync(`${folder.ours}/objects/*/*.tombstone-commit`)).toHaveLength(2);
  // The C program would now delete the commit that the ref names, too.
  expect((await ours(['fsck', '--add-tombstones', '-q', `--repo=${folder.ours}`])).text).not.toContain(
    'Adding',
  );
});
