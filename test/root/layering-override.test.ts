/** Overrides: other versions of base packages, against what real rpm makes of the same base, and back to the base. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, type RpmTestPackage } from '#test/fixtures/rpm-build.ts';
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

/** A package that the base has in two architectures. */
function library(arch: 'x86_64' | 'i686', version: string): RpmTestPackage {
  const directory = arch === 'i686' ? 'lib' : 'lib64';
  return {
    name: 'multi',
    arch,
    version,
    files: [{ path: `/usr/${directory}/libmulti.so`, content: version }],
  };
}

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: [library('x86_64', '1.0'), library('i686', '1.0')] });
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
    library('x86_64', '2.0'),
    library('i686', '2.0'),
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

test('of a package that the base has in two architectures, both are replaced, or neither', () => {
  const versions = (): string[] => rpm(system, ['-q', 'multi']).trim().split('\n').sort();
  const files = ['x86_64', 'i686'].map((arch) => packageFile(system, 'multi-2.0-1', arch));
  const alone = yumOstree(system, ['override', 'replace', ...files.slice(0, 1)]);
  expect(alone.stderr).toContain(
    'multi-1.0-1.i686 (in the base) has to be of the same version as the package of the other architecture',
  );
  expect(alone.status).toBe(1);
  yumOstreeOk(system, ['override', 'replace', 'multi']);
  expect(versions()).toEqual(['multi-2.0-1.i686', 'multi-2.0-1.x86_64']);
  const library32 = path.join(deploymentRoot(system), 'usr/lib/libmulti.so');
  expect(fs.readFileSync(library32, 'utf8')).toBe('2.0');
  yumOstreeOk(system, ['override', 'replace', ...files]);
  expect(versions()).toEqual(['multi-2.0-1.i686', 'multi-2.0-1.x86_64']);
  yumOstreeOk(system, ['override', 'reset', 'multi']);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('a file of exactly what the base has is an inactive request where that is agreed to', () => {
  const file = buildRpm(path.join(system.directory, 'base-pico'), { name: 'pico', files: [KEPT] });
  const refused = yumOstree(system, ['install', file]);
  expect(refused.stderr).toContain('the base provides already: pico-1.0-1.noarch');
  expect(refused.status).toBe(1);
  yumOstreeOk(system, ['install', file, '--allow-inactive']);
  expect(firstDeployment(system)).toMatchObject({
    checksum: system.base,
    'inactive-requests': ['pico-1.0-1.noarch'],
  });
  fs.rmSync(file);
  yumOstreeOk(system, ['override', 'remove', 'pico', '--idempotent']);
  yumOstreeOk(system, ['reset']);
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
