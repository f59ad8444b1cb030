/** Overrides: other versions of base packages, against what real rpm makes of the same base, and back to the base. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  packageFile,
  publish,
  rpm,
  rpmReference,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const KEPT = { path: '/usr/share/common/kept', content: 'shared by two\n' };

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    {
      name: 'nano',
      version: '2.0',
      files: [
        { path: '/usr/bin/nano', content: 'nano two\n', mode: 0o755 },
        { path: '/usr/share/nano/two.nanorc', content: 'syntax two\n' },
        KEPT,
      ],
    },
    { name: 'gdb', requires: ['nano = 2.0'], files: [{ path: '/usr/bin/gdb', content: 'gdb\n' }] },
    { name: 'pico', version: '0.9', files: [KEPT] },
  ]);
});

afterAll(() => system.remove());

/** Paths, kinds, modes and contents of what the packages of the tests own. */
function packageFiles(root: string): string {
  const script =
    'cd "$0" && find usr/bin/nano usr/share/nano usr/share/common -printf "%p %y %m\\n" -type f -exec sha256sum {} +';
  const { stdout } = spawnSync('sh', ['-c', script, root], { encoding: 'utf8' });
  return stdout.split('\n').sort().join('\n');
}

test('a base package is replaced from a repository: the tree is what rpm -U leaves', () => {
  const plan = yumOstreeOk(system, ['override', 'replace', 'nano', '--dry-run']);
  expect(plan).toMatch(/~ nano-1\.0-1\.noarch -> nano-2\.0-1\.noarch +test +override/);
  expect(firstDeployment(system).checksum).toBe(system.base);
  yumOstreeOk(system, ['override', 'replace', 'nano']);
  const root = deploymentRoot(system);
  const reference = rpmReference(system, { upgrade: ['nano'] });
  expect(packageFiles(root)).toBe(packageFiles(reference));
  expect(packageFiles(root)).not.toContain('c.nanorc');
  const database = ['--root', reference, '--dbpath', '/usr/share/rpm'];
  expect(rpm(system, ['-qa']).split('\n').sort()).toEqual(
    runProgram('rpm', [...database, '-qa'])
      .split('\n')
      .sort(),
  );
  expect(runProgram('rpm', ['--root', root, '--dbpath', '/usr/share/rpm', '-V', '--nomtime', 'nano'])).toBe(
    '',
  );
  expect(originOf(system)).toContain('[overrides]\nreplace=repo=test,nano;\n');
  const first = firstDeployment(system) as unknown as Record<string, unknown>;
  expect(first).toMatchObject({ 'tree-name': BASE_REF, layered: [] });
  fsckClean(system);
});

test('what needs the other version is layered on it, and holds it', () => {
  yumOstreeOk(system, ['install', 'gdb']);
  expect(firstDeployment(system)).toMatchObject({ packages: ['gdb'], layered: ['gdb-1.0-1.noarch'] });
  const { status, stderr } = yumOstree(system, ['override', 'reset', 'nano']);
  expect(stderr).toMatch(/gdb-1\.0-1\.noarch .* requires nano = 2\.0/);
  expect(status).toBe(1);
  yumOstreeOk(system, ['override', 'reset', '--all', '--uninstall', 'gdb']);
  expect(firstDeployment(system).checksum).toBe(system.base);
  expect(originOf(system).trimEnd()).toBe(`[origin]\nrefspec=${BASE_REF}`);
});

test('a package file replaces, survives other changes without the file, and one override replaces another', () => {
  const file = path.join(system.directory, 'pico.rpm');
  fs.copyFileSync(packageFile(system, 'pico'), file);
  yumOstreeOk(system, ['override', 'replace', file]);
  fs.rmSync(file);
  yumOstreeOk(system, ['override', 'remove', 'nano']);
  expect(originOf(system)).toMatch(/replace-local=[0-9a-f]{64}:pico-0\.9-1\.noarch;/);
  expect(rpm(system, ['-qa'])).toContain('pico-0.9-1');
  yumOstreeOk(system, ['override', 'replace', 'nano-2.0']);
  expect(originOf(system)).not.toContain('remove=');
  expect(rpm(system, ['-qa'])).toMatch(/nano-2\.0-1/);
  yumOstreeOk(system, ['override', 'reset', 'nano', 'pico']);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('what the base has already changes nothing, is kept, and works on a base that differs', () => {
  const file = buildRpm(path.join(system.directory, 'same'), { name: 'pico', files: [KEPT] });
  const text = yumOstreeOk(system, ['override', 'replace', file]);
  expect(text).toContain('the override of pico changes nothing on this base');
  expect(firstDeployment(system).checksum).toBe(system.base);
  expect(originOf(system)).toContain(':pico-1.0-1.noarch;');
  fs.rmSync(file);
  // The file is in the store, although no tree has it yet.
  yumOstreeOk(system, ['cleanup']);
  yumOstreeOk(system, ['override', 'replace', 'nano']);
  expect(firstDeployment(system)).toMatchObject({ 'inactive-overrides': ['pico'] });
  yumOstreeOk(system, ['override', 'reset', '-a']);
});

test.each([
  [['gdb'], 1, /not in the base, so cannot be replaced: gdb/],
  [['nope', 'nada'], 1, /no enabled repository has nope, nada/],
  [['nano', '--from', 'repo=other'], 2, /there is no enabled repository 'other'/],
  [['@tracing'], 2, /a group cannot replace packages of the base/],
])('override replace %j is refused', (words, code, message) => {
  const { status, stderr } = yumOstree(system, ['override', 'replace', ...words]);
  expect(stderr).toMatch(message);
  expect(status).toBe(code);
});
