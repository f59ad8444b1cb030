/** What an installation may cost, counted by strace over all its processes. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BASE_REF,
  clientArguments,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const SYNCS = 'fsync,fdatasync,syncfs,sync,sync_file_range,msync';

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    { name: 'plain', files: [{ path: '/usr/bin/plain', content: 'x', mode: 0o755 }], requires: ['library'] },
    { name: 'library', files: [{ path: '/usr/lib64/library', content: 'x' }] },
    { name: 'scripted', post: 'echo x > /usr/share/scripted' },
  ]);
});

afterAll(() => system.remove());

function syncsOf(words: readonly string[]): string[] {
  const log = path.join(system.directory, 'strace');
  const traced = ['-f', '-qq', '-e', `trace=${SYNCS}`, '-e', 'signal=none', '-o', log];
  const { status, stderr, error } = spawnSync(
    'strace',
    [...traced, process.execPath, ...clientArguments(system, words)],
    { encoding: 'utf8' },
  );
  if (error !== undefined) throw new Error(`strace is needed for this test: ${error.message}`);
  if (status !== 0) throw new Error(stderr);
  const lines = fs.readFileSync(log, 'utf8').split('\n');
  return lines.filter((line) => /\b(fsync|fdatasync|syncfs|sync|sync_file_range|msync)\(/.test(line));
}

test('one installation syncs at most ten times, with and without scripts', () => {
  expect(syncsOf(['install', '-q', 'plain']).length).toBeLessThanOrEqual(10);
  expect(syncsOf(['install', '-q', 'scripted']).length).toBeLessThanOrEqual(10);
  fsckClean(system);
});

test('one step at a time: import and compose give the tree that install gives', () => {
  const installed = runProgram('ostree', [
    'show',
    `--repo=${system.repo}`,
    '--raw',
    'yum-ostree/test/x86__64/base_2Bplain_2Bscripted',
  ]);
  expect(installed).toContain('yum-ostree.tree-name');
  yumOstreeOk(system, ['uninstall', 'scripted']);
  const { checksum } = firstDeployment(system);
  const files = ['library', 'plain'].map((name) => path.join(system.packages, `${name}-1.0-1.noarch.rpm`));
  const client = path.resolve('cli/bin/yum-ostree');
  const debug = (words: readonly string[]): string[] =>
    runProgram(process.execPath, [client, 'debug', ...words])
      .trim()
      .split('\n');
  const refs = debug(['import', `--repo=${system.repo}`, ...files]);
  const [commit] = debug(['compose', `--repo=${system.repo}`, '--name=plain', BASE_REF, ...refs]);
  const tree = (rev: string): string =>
    runProgram('ostree', ['ls', '-R', '-C', `--repo=${system.repo}`, rev]);
  expect(tree(commit ?? '')).toBe(tree(checksum));
});
