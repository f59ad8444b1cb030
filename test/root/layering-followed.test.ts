/** What a look for updates tells of layers: what an upgrade then moves, and nothing else; and runs of the policy that fail. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  deploymentRoot,
  firstDeployment,
  makeTestSystem,
  publish,
  rpm,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    { name: 'gdb' },
    { name: 'strace' },
    { name: 'nano', version: '2.0' },
    { name: 'pico', version: '2.0' },
  ]);
  const file = buildRpm(path.join(system.directory, 'files'), { name: 'local' });
  yumOstreeOk(system, ['install', 'gdb-1.0', 'strace', file]);
  yumOstreeOk(system, ['override', 'replace', 'nano', '--from', 'repo=test']);
  yumOstreeOk(system, ['override', 'replace', 'pico', '--freeze']);
});

afterAll(() => system.remove());

function status(): Record<string, Record<string, unknown> | null> {
  return JSON.parse(yumOstreeOk(system, ['status', '--json'])) as ReturnType<typeof status>;
}

test('a look tells of what follows a repository, not of files and of what is named by its version', () => {
  expect(yumOstree(system, ['upgrade', '--check'])).toMatchObject({ status: 77 });
  for (const name of ['gdb', 'strace', 'local'] as const) buildRpm(system.packages, { name, version: '2.0' });
  for (const name of ['nano', 'pico'] as const) buildRpm(system.packages, { name, version: '3.0' });
  createRepository(system.packages);
  const found = JSON.parse(yumOstreeOk(system, ['upgrade', '--check', '--json'])) as object;
  expect(found).toMatchObject({
    'cached-update': {
      'rpm-diff': {
        upgraded: [
          [1, 'strace', ['1.0-1', 'noarch'], ['2.0-1', 'noarch']],
          [1, 'nano', ['2.0-1', 'noarch'], ['3.0-1', 'noarch']],
        ],
        downgraded: [],
        removed: [],
        added: [],
      },
    },
  });
  // On another tree of the same base it is still to be had: what takes away does not bring it.
  yumOstreeOk(system, ['override', 'remove', 'icons']);
  expect(firstDeployment(system).layered).toContain('strace-1.0-1.noarch');
  expect(status()['cached-update']).toMatchObject({
    'rpm-diff': { upgraded: [{ 1: 'strace' }, { 1: 'nano' }] },
  });
  yumOstreeOk(system, ['upgrade']);
  expect(status()['cached-update']).toBeNull();
  const names = rpm(system, ['-q', 'gdb', 'strace', 'local', 'nano', 'pico']).trim().split('\n');
  expect(names).toEqual([
    'gdb-1.0-1.noarch',
    'strace-2.0-1.noarch',
    'local-1.0-1.noarch',
    'nano-3.0-1.noarch',
    'pico-2.0-1.noarch',
  ]);
  expect(yumOstree(system, ['upgrade', '--check'])).toMatchObject({ status: 77 });
  expect(firstDeployment(system)).toMatchObject({
    'requested-base-remote-replacements': [['repo=test', ['nano', 'pico-2.0-1']]],
  });
});

test('what only takes away brings nothing newer, and needs no server as long as metadata is here', () => {
  buildRpm(system.packages, { name: 'strace', version: '3.0' });
  createRepository(system.packages);
  yumOstreeOk(system, ['uninstall', 'gdb']);
  expect(firstDeployment(system).layered).toEqual(['local-1.0-1.noarch', 'strace-2.0-1.noarch']);
  fs.renameSync(system.packages, `${system.packages}.away`);
  yumOstreeOk(system, ['override', 'reset', 'pico']);
  yumOstreeOk(system, ['cleanup', '-m']);
  expect(yumOstree(system, ['uninstall', 'local']).stderr).toContain('its metadata cannot be had');
  fs.renameSync(`${system.packages}.away`, system.packages);
  yumOstreeOk(system, ['uninstall', 'local']);
  expect(firstDeployment(system).layered).toEqual(['strace-2.0-1.noarch']);
  expect(yumOstree(system, ['upgrade', '--check', '--install', 'gdb'])).toMatchObject({ status: 2 });
});

test('the policy stage records a base that has failed to boot here as a failure, each time', () => {
  const time = '--timestamp=@1800000000';
  const words = [`--repo=${system.repo}`, '-b', BASE_REF, `--tree=ref=${BASE_REF}`, '--no-bindings', time];
  const newer = runProgram('ostree', ['commit', ...words]).trim();
  yumOstreeOk(system, ['upgrade', '--check']);
  runProgram('ostree', ['config', `--repo=${system.repo}`, 'set', 'yum-ostree.fallback-tries', '3']);
  fs.writeFileSync(path.join(system.sysroot, 'boot/ostree/failed-trees'), `${newer} ${newer}\n`);
  fs.writeFileSync(path.join(deploymentRoot(system), 'etc/yum-ostree.conf'), '[updates]\npolicy=stage\n');
  for (const _ of [1, 2]) {
    const run = yumOstree(system, ['upgrade', '--quiet', '--trigger-automatic-update-policy']);
    expect(run.stderr).toContain(`error: ${newer}, or a tree on it, has failed to boot here`);
    expect(run.status).toBe(1);
    expect(status()).toMatchObject({
      'automatic-updates': {
        ...{ policy: 'stage', result: 'failed' },
        error: expect.stringContaining('has failed to boot here') as string,
      },
      // It is still to be had.
      'cached-update': { checksum: newer },
    });
  }
  yumOstreeOk(system, ['upgrade', '--retry-failed']);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': newer });
});
