/** Layers on other bases: upgrade, switch by ref and by name, deploy, reset, cleanup; and rpm-ostree's words for them. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentsOf,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  publish,
  rpmNames,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const OTHER = 'test/x86_64/other';
let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    { name: 'strace', files: [{ path: '/usr/bin/strace', content: 'strace\n', mode: 0o755 }] },
    { name: 'strace-nano' },
    { name: 'gdb' },
  ]);
  commit(OTHER, '7');
});

afterAll(() => system.remove());

/** A commit of the same tree. @returns its checksum */
function commit(ref: string, version: string): string {
  const metadata = [
    `--add-metadata-string=version=${version}`,
    `--timestamp=@${1_700_000_000 + Number(version)}`,
  ];
  const words = [`--repo=${system.repo}`, '-b', ref, `--tree=ref=${BASE_REF}`, '--no-bindings', ...metadata];
  return runProgram('ostree', ['commit', ...words]).trim();
}

function ok(...words: string[]): string {
  return yumOstreeOk(system, words);
}

function refused(...words: string[]): { status: number | null; stderr: string } {
  return yumOstree(system, words);
}

test('switch carries the layers to another ref, and deploy to an older commit', () => {
  ok('install', 'gdb');
  ok('switch', OTHER);
  expect(firstDeployment(system)).toMatchObject({ 'tree-name': `${OTHER}+gdb`, packages: ['gdb'] });
  expect(originOf(system)).toContain(`baserefspec=${OTHER}\n`);
  expect(refused('switch', OTHER)).toMatchObject({ status: 2 });
  ok('switch', BASE_REF);
  const newer = commit(BASE_REF, '2');
  ok('upgrade');
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': newer, packages: ['gdb'] });
  ok('deploy', system.base.slice(0, 20));
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': system.base, packages: ['gdb'] });
  expect(originOf(system)).toContain(`override-commit=${system.base}`);
  const check = refused('upgrade', '--check');
  expect(check.status).toBe(0);
  // As after a fallback from a tree on it.
  const setting = ['config', `--repo=${system.repo}`, 'set', 'yum-ostree.fallback-tries', '3'];
  runProgram('ostree', setting);
  const note = path.join(system.sysroot, 'boot/ostree/failed-trees');
  fs.writeFileSync(note, `${newer} ${newer}\n`);
  const upgrade = yumOstree(system, ['upgrade', '--unchanged-exit-77']);
  expect(upgrade).toMatchObject({
    status: 77,
    stdout: expect.stringContaining(`${newer} has failed`) as string,
  });
  ok('upgrade', '--retry-failed');
  fs.rmSync(note);
  runProgram('ostree', setting.slice(0, 2).concat('unset', 'yum-ostree.fallback-tries'));
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': newer });
  expect(originOf(system)).not.toContain('override-commit');
  expect(refused('upgrade', '--check').status).toBe(77);
});

test('switch BASE+package-removed composes what the name says; what is ambiguous is refused', () => {
  ok('switch', `${OTHER}+gdb-nano`);
  expect(firstDeployment(system)).toMatchObject({ packages: ['gdb'], removals: ['nano'] });
  expect(rpmNames(system)).not.toContain('nano');
  const { status, stderr } = refused('switch', `${BASE_REF}+strace-nano`);
  expect(stderr).toMatch(/several ways: .*with strace, without nano; .*with strace-nano/);
  expect(status).toBe(2);
  expect(refused('switch', `${BASE_REF}+nope`).stderr).toContain('not every part of it is a known');
  fsckClean(system);
});

test('uninstall --all keeps the overrides, reset drops everything', () => {
  ok('uninstall', '--all');
  expect(firstDeployment(system)).toMatchObject({ packages: [], removals: ['nano'] });
  ok('reset');
  expect(originOf(system).trimEnd()).toBe(`[origin]\nrefspec=${OTHER}`);
});

test('called rpm-ostree, the words and exit codes are its own', () => {
  const client = path.resolve('cli/bin/rpm-ostree');
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [client, ...clientArguments(system, words).slice(1)], {
      encoding: 'utf8',
    });
  expect(run('override', 'remove', 'nano')).toMatchObject({ status: 0 });
  expect(run('override', 'remove', 'nano', '--idempotent', '--unchanged-exit-77').status).toBe(77);
  expect(run('rebase', `--stateroot=test`, BASE_REF)).toMatchObject({ status: 0 });
  expect(run('rebase', BASE_REF)).toMatchObject({ status: 1 });
  const base = runProgram('ostree', ['rev-parse', `--repo=${system.repo}`, BASE_REF]).trim();
  expect(run('rebase', '-b', OTHER, '-C')).toMatchObject({ status: 0 });
  const older = run('rebase', BASE_REF, base.slice(0, 12), '--disallow-downgrade');
  expect(older.stderr).toContain('is chronologically older than current revision');
  expect(older.status).toBe(1);
  expect(run('rebase', BASE_REF, 'version=2')).toMatchObject({ status: 0 });
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': base, removals: ['nano'] });
  expect(originOf(system)).toContain(`override-commit=${base}`);
  expect(run('cleanup').stderr).toContain('at least one of -b, -p, -r and -m');
  const differs = (...words: string[]) =>
    JSON.parse(run('db', 'diff', '0', '1', '--format=json', ...words).stdout) as Record<string, unknown>;
  expect(differs('--base')).toMatchObject({ 'ostree-commit-from': base, pkgdiff: [] });
  expect(JSON.parse(run('db', 'diff', '0', base, '-Fjson').stdout)).toMatchObject({
    pkgdiff: [['nano', 0, { NewPackage: ['nano', '1.0-1', 'noarch'] }]],
  });
  expect(run('install', '--lock-finalization', 'gdb').stderr).toContain('there is no --lock-finalization');
  const [first] = deploymentsOf(system) as unknown as Record<string, unknown>[];
  expect(first).toMatchObject({
    'base-removals': [['nano-1.0-1.noarch', 'nano', 0, '1.0', '1', 'noarch']],
    'requested-base-removals': ['nano'],
    'base-local-replacements': [],
    'requested-local-fileoverride-packages': [],
  });
});

test('cleanup -r removes the rollback deployment, and -m the metadata', () => {
  expect(deploymentsOf(system)).toHaveLength(2);
  const lines = yumOstreeOk(system, ['cleanup', '-r', '-m']);
  expect(lines).toMatch(/removed deployment .*\n(.*\n)*removed metadata test-/);
  expect(deploymentsOf(system)).toHaveLength(1);
  fsckClean(system);
});

test('what does not change the tree makes no new one: another package in the repository', () => {
  ok('reset');
  ok('install', 'gdb');
  // Off the commit that was deployed by name, where it is.
  ok('upgrade');
  const before = deploymentsOf(system);
  buildRpm(system.packages, { name: 'unrelated' });
  createRepository(system.packages);
  expect(ok('upgrade')).toContain('No change');
  expect(deploymentsOf(system)).toEqual(before);
});

test('history tells of each change; undo takes one back and leaves later ones', () => {
  ok('reset');
  ok('install', 'gdb');
  ok('override', 'remove', 'nano');
  const { changes } = JSON.parse(yumOstreeOk(system, ['history', '--json'])) as {
    changes: { id: number; command: string; install: string[]; remove: string[] }[];
  };
  const [added, removed] = changes.slice(-2);
  expect(added).toMatchObject({ install: ['gdb-1.0-1.noarch'], remove: [] });
  expect(added?.command).toContain('install gdb');
  expect(added).not.toHaveProperty('line');
  expect(removed).toMatchObject({ install: [], remove: ['nano-1.0-1.noarch'] });
  yumOstreeOk(system, ['undo', String(added?.id)]);
  expect(firstDeployment(system)).toMatchObject({ packages: [], removals: ['nano'] });
  yumOstreeOk(system, ['undo', String(removed?.id)]);
  expect(rpmNames(system)).toContain('nano');
  expect(originOf(system)).not.toContain('baserefspec');
  expect(yumOstree(system, ['undo', '999'])).toMatchObject({ status: 1 });
  expect(yumOstree(system, ['undo', 'x'])).toMatchObject({ status: 2 });
});
