/** dist/yum-ostree does the main job from signed packages, with no PATH and nothing else in its environment. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  signDetached,
  signingKey,
  signRpms,
  stopAgent,
  type SigningKey,
} from '#test/fixtures/signing-key.ts';
import {
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  packageFile,
  rpmNames,
  type ProgramResult,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let executable: string;
let system: TestSystem;
let key: SigningKey;

beforeAll(async () => {
  executable = path.join(builtPrograms('x86-64'), 'yum-ostree');
  system = makeTestSystem();
  // Short: the agent's socket is in it.
  key = await signingKey(path.join(system.directory, 'gpg'));
  const files = [{ path: '/usr/bin/tool', mode: 0o755, content: '#!/bin/sh\necho tool\n' }];
  buildRpm(system.packages, { name: 'tool', files, post: 'id -u > /usr/share/tool-post' });
  await signRpms(key, [packageFile(system, 'tool')]);
  buildRpm(system.packages, { name: 'unsigned', files: [] });
  createRepository(system.packages, {});
  await signDetached(key, path.join(system.packages, 'repodata/repomd.xml'));
  const etc = path.join(deploymentRoot(system), 'etc');
  fs.mkdirSync(path.join(etc, 'yum.repos.d'));
  fs.mkdirSync(path.join(etc, 'pki'));
  fs.writeFileSync(path.join(etc, 'pki/key'), key.armoured);
  fs.writeFileSync(
    path.join(etc, 'yum.repos.d/test.repo'),
    `[test]\nbaseurl=file://${system.packages}\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/key\n`,
  );
});

afterAll(async () => {
  await stopAgent(key.home);
  system.remove();
});

function run(words: readonly string[]): ProgramResult {
  const argv = [`--sysroot=${system.sysroot}`, ...words];
  const { status, stdout, stderr, error } = spawnSync(executable, argv, { encoding: 'utf8', env: {} });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

test('a package that is not signed is refused, and one that is installed with its script', () => {
  const before = firstDeployment(system);
  const refused = run(['install', 'tool', 'unsigned']);
  expect(refused.stderr).toMatch(/^error: .*unsigned-.*is not signed/m);
  expect(refused.status).toBe(1);
  expect(firstDeployment(system)).toEqual(before);

  const installed = run(['install', 'tool']);
  expect(installed).toMatchObject({ status: 0, stdout: expect.stringContaining('+tool') as string });
  expect(firstDeployment(system)['tree-name']).toBe('test/x86_64/base+tool');
  expect(rpmNames(system)).toContain('tool');
  expect(fs.readFileSync(path.join(deploymentRoot(system), 'usr/share/tool-post'), 'utf8')).toBe('0\n');
  fsckClean(system);
});
