/** `admin config-diff --merge-preview` against what a deploy then does, and `reset --config`. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { commitTree, makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

const scratch = makeScratch();
let sysroot: string;
let etc: string;
let count = 0;

beforeEach(() => {
  sysroot = path.join(scratch, `sysroot-${String(count++)}`);
  fs.mkdirSync(sysroot);
  theirAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  theirAdmin(sysroot, ['os-init', 'testos']);
  const repo = `${sysroot}/ostree/repo`;
  const first = commitTree(repo, 'os/one');
  commitTree(repo, 'os/two', { files: { 'usr/etc/b.conf': 'b of two', 'usr/etc/new/x': 'x' } });
  theirAdmin(sysroot, ['deploy', '--os=testos', '--karg=quiet', 'os/one']);
  etc = path.join(sysroot, `ostree/deploy/testos/deploy/${first}.0/etc`);
});
afterAll(() => {
  removeScratch(scratch);
});

const preview = (...args: string[]): Promise<string> =>
  ourAdmin(sysroot, ['config-diff', '--merge-preview', ...args]);

test('the preview names what is carried over, and what hides a changed default', async () => {
  fs.writeFileSync(`${etc}/a.conf`, 'local a');
  fs.writeFileSync(`${etc}/b.conf`, 'local b');
  fs.rmSync(`${etc}/dir/c.conf`);
  fs.writeFileSync(`${etc}/added`, '');
  expect(await preview('--to=os/two')).toBe('M    a.conf\nK    b.conf\nD    dir/c.conf\nA    added\n');
  expect(await preview()).toBe('M    a.conf\nM    b.conf\nD    dir/c.conf\nA    added\n');
  theirAdmin(sysroot, ['deploy', '--os=testos', 'os/two']);
});

test('it fails where a deploy of the C program fails, with all the reasons at once', async () => {
  fs.writeFileSync(`${etc}/new`, 'a file');
  fs.rmSync(`${etc}/dir`, { recursive: true });
  fs.writeFileSync(`${etc}/dir`, 'a file, too');
  const theirs = (): string => theirAdmin(sysroot, ['deploy', '--os=testos', 'os/two']);
  const reason = (name: string): string =>
    `Modified config file newly defaults to directory '${name}', cannot merge`;
  expect(theirs).toThrow(/Modified config file newly defaults to directory/);
  await expect(preview('--to=os/two')).rejects.toThrow(
    `/etc cannot be merged:\n  ${reason('dir')}\n  ${reason('new')}`,
  );
  for (const name of ['dir', 'new']) fs.rmSync(`${etc}/${name}`);
  expect(await preview('--to=os/two')).toBe('D    dir\n');
  theirs();
});

test('the changed lines of one file', async () => {
  fs.writeFileSync(`${etc}/a.conf`, 'local\n');
  const shown = await ourAdmin(sysroot, ['config-diff', '--content', '/etc/a.conf']);
  expect(shown).toContain('--- usr/etc/a.conf\n+++ etc/a.conf\n');
  expect(shown).toContain('\n+local\n');
  await expect(ourAdmin(sysroot, ['config-diff', '--content', '../x'])).rejects.toThrow('not a path below');
});

test('what is no regular file is named, not read; the target of a link is its content', async () => {
  const content = (name: string): Promise<string> => ourAdmin(sysroot, ['config-diff', '--content', name]);
  run('mkfifo', [`${etc}/fifo`]);
  await expect(content('fifo')).rejects.toMatchObject({
    code: 'NOT_A_FILE',
    message: '/etc/fifo is not a regular file: by default not there, now a FIFO',
  });
  await expect(content('dir')).rejects.toThrow('by default a directory, now a directory');
  fs.rmSync(`${etc}/dir`, { recursive: true });
  fs.writeFileSync(`${etc}/dir`, 'a file');
  await expect(content('dir')).rejects.toThrow('by default a directory, now a file');
  expect(await content('dir/c.conf')).toContain('+++ etc/dir/c.conf\n@@ -1 +0,0 @@\n-c\n');
  await expect(content('nothing')).rejects.toMatchObject({
    code: 'NO_FILE',
    message: 'there is no /etc/nothing, and none in the defaults',
  });
  fs.symlinkSync('/no/such/target', `${etc}/dangling`);
  expect(await content('dangling')).toBe(
    'by default not there, now a link\n--- usr/etc/dangling\n+++ etc/dangling\n@@ -0,0 +1 @@\n+/no/such/target\n',
  );
  fs.rmSync(`${etc}/a.conf`);
  fs.symlinkSync('b.conf', `${etc}/a.conf`);
  expect(await content('a.conf')).toMatch(/^by default a file, now a link\n---[^]*\n-a\n[^]*\+b\.conf\n$/);
  fs.symlinkSync('old', `${etc}/../usr/etc/dangling`);
  expect(await content('dangling')).toBe(
    '--- usr/etc/dangling\n+++ etc/dangling\n@@ -1 +1 @@\n-old\n+/no/such/target\n',
  );
});

test('reset leaves the defaults, and what is to be kept', async () => {
  fs.writeFileSync(`${etc}/a.conf`, 'local a');
  fs.writeFileSync(`${etc}/b.conf`, 'local b');
  fs.writeFileSync(`${etc}/dir/c.conf`, 'local c');
  fs.writeFileSync(`${etc}/added`, '');
  fs.chmodSync(`${etc}/dir`, 0o700);
  await expect(ourAdmin(sysroot, ['reset'])).rejects.toThrow('what is to be reset?');
  await ourAdmin(sysroot, ['reset', '--config', '--keep=/etc/dir/c.conf', '--keep', 'b.conf']);
  const fresh = etc.replace(/\.0\/etc$/, '.1/etc');
  expect(run('diff', ['-r', '--brief', `${fresh.slice(0, -4)}/usr/etc`, fresh, '-x', '*.conf'])).toBe('');
  const read = (name: string): string => fs.readFileSync(`${fresh}/${name}`, 'utf8');
  expect(['a.conf', 'b.conf', 'dir/c.conf', 'dir/d.conf'].map(read)).toEqual([
    'a',
    'local b',
    'local c',
    'd',
  ]);
  expect(fs.statSync(`${fresh}/dir`).mode & 0o777).toBe(0o700);
  // The old one is kept, with its changes; both have the same kernel arguments.
  expect(fs.readFileSync(`${etc}/a.conf`, 'utf8')).toBe('local a');
  expect(theirAdmin(sysroot, ['status']).match(/ testos /g)).toHaveLength(2);
  for (const entry of fs.globSync(`${sysroot}/boot/loader/entries/*.conf`))
    expect(fs.readFileSync(entry, 'utf8')).toContain('options quiet ');
});

test('kernel arguments come and go with the tree that brings them, and only for its machine', async () => {
  const repo = `${sysroot}/ostree/repo`;
  const program = fs.readFileSync('/usr/bin/true').subarray(0, 64).toString('latin1');
  const directory = 'usr/lib/bootc/kargs.d';
  const commit = (ref: string, console: string): void => {
    const machine = run('uname', ['-m']).trim();
    commitTree(repo, ref, {
      files: {
        [`${directory}/10-console.toml`]: `kargs = ["console=${console}", "quiet"]`,
        [`${directory}/20-this.toml`]: `match-architectures = ["${machine}"]\nkargs = ["this"]`,
        [`${directory}/20-other.toml`]: `match-architectures = ["m68k"]\nkargs = ["other"]`,
        [`${directory}/README`]: 'not one',
        'usr/bin/bash': program,
      },
    });
  };
  commit('os/three', 'ttyS0');
  commit('os/four', 'ttyS1');
  const args = async (ref: string, ...more: string[]): Promise<string> => {
    await ourAdmin(sysroot, ['deploy', '--os=testos', ...more, ref]);
    const entries = fs.globSync(`${sysroot}/boot/loader/entries/*.conf`).sort();
    const [, options = ''] = /^options (.*)$/m.exec(fs.readFileSync(entries.at(-1) ?? '', 'utf8')) ?? [];
    return options.replace(/ ?ostree=\S+/, '').trim();
  };
  expect(await args('os/three')).toBe('quiet console=ttyS0 this');
  expect(await args('os/three', '--karg-delete=this', '--karg-append=own')).toBe('quiet console=ttyS0 own');
  expect(await args('os/four')).toBe('quiet own console=ttyS1');
  expect(await args('os/one')).toBe('own');
});

test('an argument that would hide the deployment is refused before anything is written, naming the argument or the file', async () => {
  const files = { 'usr/lib/bootc/kargs.d/a.toml': 'kargs = ["con=\\"x", "quiet"]' };
  commitTree(`${sysroot}/ostree/repo`, 'os/bad', { files });
  const state = (): string =>
    run('sh', ['-c', `cd ${sysroot} && ls -d ostree/deploy/testos/deploy/*; grep -r . boot/loader/entries`]);
  const before = state();
  for (const [args, told] of [
    [['deploy', '--os=testos', 'os/two', '--karg=x=a"b'], `the kernel argument 'x=a"b' has a double quote`],
    [['deploy', '--os=testos', 'os/two', '--karg-append=x\ny'], 'has a line end in it'],
    [['instutil', 'set-kargs', 'foo="bar', 'baz'], `the kernel argument 'foo="bar' has a double quote`],
    [['kargs', 'edit-in-place', '--append-if-missing=y"'], `the kernel argument 'y"' has a double quote`],
    [['deploy', '--os=testos', 'os/bad'], `/usr/lib/bootc/kargs.d/a.toml: the kernel argument 'con="x' has`],
  ] as const)
    await expect(ourAdmin(sysroot, args)).rejects.toThrow(told);
  expect(state()).toBe(before);
});
