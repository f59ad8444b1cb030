/** Bases of which a look for updates, or a dry run, has fetched only a part: what comes later fetches the rest. */
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BASE_REF,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const OTHER = 'test/x86_64/other';
let system: TestSystem;
let server: string;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [{ name: 'gdb' }]);
  server = path.join(system.directory, 'server');
  runProgram('ostree', ['init', '--mode=archive', `--repo=${server}`]);
  runProgram('ostree', ['pull-local', `--repo=${server}`, system.repo, BASE_REF]);
  const remote = ['remote', 'add', `--repo=${system.repo}`, '--no-gpg-verify', 'origin'];
  runProgram('ostree', [...remote, `file://${server}`]);
  yumOstreeOk(system, ['switch', `origin:${BASE_REF}`]);
  yumOstreeOk(system, ['install', 'gdb']);
});

afterAll(() => system.remove());

/** A newer commit at the server, with a file of its own. */
function commitAtServer(version: string, ref = BASE_REF): string {
  const tree = path.join(system.directory, `tree-${version}`);
  runProgram('ostree', ['checkout', '-U', `--repo=${server}`, BASE_REF, tree]);
  fs.writeFileSync(path.join(tree, 'usr/share/version'), version);
  const time = `--timestamp=@${1_700_000_000 + Number(version)}`;
  const words = ['commit', `--repo=${server}`, '-b', ref, `--tree=dir=${tree}`, time];
  return runProgram('ostree', [...words, `--add-metadata-string=version=${version}`]).trim();
}

/** Whether the files of a commit are here, as far as C ostree can tell by the one that is its own. */
function isHere(commit: string): boolean {
  return spawnSync('ostree', ['cat', `--repo=${system.repo}`, commit, '/usr/share/version']).status === 0;
}

test('after a look, a dry run plans on the new base without its files, and the upgrade fetches them', () => {
  const newer = commitAtServer('2');
  yumOstreeOk(system, ['upgrade', '--check']);
  for (const words of [
    ['upgrade', '-C'],
    ['upgrade', '-C', '--dry-run'],
  ]) {
    const { status, stderr } = yumOstree(system, words);
    expect(stderr).toContain(`error: of the commit ${newer} (origin:${BASE_REF}) only a part is here`);
    expect([status, stderr]).toEqual([1, expect.stringContaining('hint: run once without -C')]);
  }
  const planned = JSON.parse(yumOstreeOk(system, ['upgrade', '--dry-run', '--json'])) as object;
  expect(planned).toMatchObject({ result: 'planned', 'base-checksum': newer });
  expect(isHere(newer)).toBe(false);
  yumOstreeOk(system, ['upgrade']);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': newer, packages: ['gdb'] });
  fsckClean(system);
});

test('a dry run finds the newest base itself', () => {
  const newer = commitAtServer('3');
  const planned = JSON.parse(yumOstreeOk(system, ['upgrade', '--dry-run', '--json'])) as object;
  expect(planned).toMatchObject({ 'base-checksum': newer });
});

test('switch by a name, and deploy, fetch the rest of what a look has fetched', () => {
  const third = commitAtServer('4');
  yumOstreeOk(system, ['upgrade', '--check']);
  expect(isHere(third)).toBe(false);
  yumOstreeOk(system, ['switch', `${BASE_REF}-nano`]);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': third, removals: ['nano'] });
  const fourth = commitAtServer('5');
  yumOstreeOk(system, ['upgrade', '--check']);
  yumOstreeOk(system, ['switch', `${BASE_REF}+gdb`]);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': fourth, packages: ['gdb'] });
  const skipped = commitAtServer('6');
  yumOstreeOk(system, ['upgrade', '--check']);
  commitAtServer('7');
  yumOstreeOk(system, ['deploy', 'version=6']);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': skipped, packages: ['gdb'] });
  const other = commitAtServer('8', OTHER);
  // Its commit is not here: those of the ref's history are fetched until it is found.
  const [tenth] = ['10', '11', '12', '13'].map((version) => commitAtServer(version));
  yumOstreeOk(system, ['deploy', '10']);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': tenth });
  expect(yumOstree(system, ['deploy', 'version=9']).stderr).toContain("has no commit 'version=9' here");
  yumOstreeOk(system, ['switch', '--dry-run', `origin:${OTHER}`]);
  expect(isHere(other)).toBe(false);
  yumOstreeOk(system, ['switch', `origin:${OTHER}`]);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': other });
  fsckClean(system);
});

test('status tells of a remote that is gone as rpm-ostree does', () => {
  expect(firstDeployment(system)).toMatchObject({ 'gpg-enabled': false });
  runProgram('ostree', ['remote', 'delete', `--repo=${system.repo}`, 'origin']);
  expect(firstDeployment(system)).toMatchObject({ 'remote-error': 'Remote "origin" not found' });
});
