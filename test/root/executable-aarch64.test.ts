/** dist/aarch64/yum-ostree, run by qemu-user with the libraries of Debian's cross compiler. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { SAMPLE } from './rpm-samples.ts';

const PROJECT = path.join(import.meta.dirname, '../..');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-aarch64-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

let executable: string;
beforeAll(() => {
  executable = path.join(builtPrograms('aarch64'), 'yum-ostree');
});

function run(args: readonly string[], name = 'yum-ostree'): string {
  const command = ['-L', '/usr/aarch64-linux-gnu', '-0', name, executable, ...args];
  const { status, error, stdout, stderr } = spawnSync('qemu-aarch64', command, { encoding: 'utf8', env: {} });
  if (error !== undefined) throw error;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('it and all that is inside are for aarch64', () => {
  const files = [
    'yum-ostree',
    'syscalls.node',
    'solver.node',
    'better_sqlite3.node',
    'rpm-lua',
    'selinux-labels',
  ];
  const headers = files.map((name) =>
    execFileSync('readelf', ['-h', path.join(path.dirname(executable), name)], { encoding: 'utf8' }),
  );
  expect(headers.map((text) => /Machine: +(\S+)/.exec(text)?.[1])).toEqual(files.map(() => 'AArch64'));
});

test('it says its version, also by the name ostree', () => {
  const { version } = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(run(['--version']).split('\n')[0]).toBe(`yum-ostree ${version}`);
  expect(run(['--version'], 'ostree').split('\n')[0]).toContain(version);
});

test('it reads a repository of the C ostree, and writes one that it accepts', () => {
  const tree = path.join(scratch, 'tree');
  fs.mkdirSync(tree);
  fs.writeFileSync(path.join(tree, 'file'), 'content\n');
  fs.symlinkSync('file', path.join(tree, 'link'));
  const [theirs, ours] = ['theirs', 'ours'].map((name) => path.join(scratch, name)) as [string, string];
  const ostree = (...args: string[]) => execFileSync('ostree', args, { encoding: 'utf8' });
  for (const repo of [theirs, ours]) ostree('init', `--repo=${repo}`, '--mode=archive');
  const commit = ['commit', '-b', 'main', '--timestamp=2026-01-01 00:00:00Z', `--tree=dir=${tree}`];
  const checksum = ostree(`--repo=${theirs}`, ...commit);
  expect(run([`--repo=${theirs}`, 'rev-parse', 'main'], 'ostree')).toBe(checksum);
  expect(run([`--repo=${theirs}`, 'cat', 'main', '/file'], 'ostree')).toBe('content\n');
  expect(run([`--repo=${ours}`, ...commit], 'ostree')).toBe(checksum);
  ostree('fsck', `--repo=${ours}`);
});

test('its program for scripts in Lua runs', () => {
  const script = path.join(scratch, 'script.lua');
  fs.writeFileSync(script, 'print(arg[2], posix.uname("%m"), rpm.vercmp("1.10", "1.9"))\n');
  const program = path.join(path.dirname(executable), 'rpm-lua');
  expect(execFileSync('qemu-aarch64', [program, script, '7'], { encoding: 'utf8' })).toBe('7\taarch64\t1\n');
});

test('its program for SELinux labels answers as matchpathcon does', () => {
  const contexts = '/etc/selinux/default/contexts/files/file_contexts';
  const program = path.join(path.dirname(executable), 'selinux-labels');
  const paths = ['/usr/bin/bash', '/etc/shadow', '/usr/share/x'];
  const input = paths.map((file) => `100644 ${file}\0`).join('');
  const said = execFileSync('qemu-aarch64', [program, contexts], { encoding: 'utf8', input });
  const expected = execFileSync('matchpathcon', ['-n', '-m', 'file', '-f', contexts, ...paths]);
  expect(said).toBe(expected.toString().replaceAll('\n', '\0'));
});

test('the addons answer as rpm and testsolv do', () => {
  const rpm = buildRpm(scratch, SAMPLE);
  const peer = (command: string, args: readonly string[]) =>
    execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  expect(run(['debug', 'rpm-dump', rpm])).toBe(peer('rpm', ['--nosignature', '-qp', '--dump', rpm]));
  for (const name of fs.readdirSync(path.join(PROJECT, 'test/solver'))) {
    const file = path.join(PROJECT, 'test/solver', name);
    expect(run(['debug', 'solve-case', file])).toBe(peer('testsolv', [file]));
  }
  const database = path.join(scratch, 'rpmdb');
  const quiet = ['--force-debian', '--justdb', '--nodeps', '--noscripts', '--notriggers', '--nosignature'];
  peer('rpm', ['--dbpath', database, ...quiet, '--ignorearch', '-i', rpm]);
  expect(run(['debug', 'rpmdb-list', database])).toBe(peer('rpm', ['--dbpath', database, '-qa']));
});
