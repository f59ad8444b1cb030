/** Beside rpm-ostree: what it layered is continued from, in its own words. */
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
  publish,
  rpmNames,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';
import { layerAsRpmOstree } from '#test/root/rpm-ostree-layer.ts';

let system: TestSystem;
let entry: string;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [{ name: 'gdb', files: [{ path: '/usr/bin/gdb', content: 'gdb\n', mode: 0o755 }] }]);
  const tool = buildRpm(path.join(system.directory, 'local'), {
    name: 'tool',
    files: [
      { path: '/usr/bin/tool', content: 'tool\n', mode: 0o755 },
      { path: '/usr/share/tool/data', content: 'data\n' },
    ],
  });
  entry = layerAsRpmOstree(system, tool);
});

afterAll(() => system.remove());

test('status shows its deployment as layered on the base', () => {
  expect(firstDeployment(system)).toMatchObject({
    'base-checksum': system.base,
    'requested-local-packages': ['tool-1.0-1.noarch'],
    'inactive-requests': [],
  });
});

test('a package file that it layered stays layered, from its own store, and stays in its list', () => {
  yumOstreeOk(system, ['install', 'gdb']);
  expect(firstDeployment(system)).toMatchObject({
    'tree-name': `${BASE_REF}+gdb+tool`,
    'base-checksum': system.base,
    layered: ['gdb-1.0-1.noarch', 'tool-1.0-1.noarch'],
  });
  expect(originOf(system)).toContain(`[packages]\nrequested-local=${entry};\nrequested=gdb;\n`);
  expect(originOf(system)).not.toContain('[yum-ostree]\nrequested-local');
  expect(rpmNames(system)).toContain('tool');
  const place = ['--root', deploymentRoot(system), '--dbpath', '/usr/share/rpm'];
  expect(runProgram('rpm', [...place, '-V', '--nomtime', 'tool', 'gdb'])).toBe('');
  fsckClean(system);
});

test('it is carried on without changes, and can be taken away', () => {
  yumOstreeOk(system, ['cleanup', '-r']);
  yumOstreeOk(system, ['uninstall', 'gdb']);
  expect(firstDeployment(system)).toMatchObject({ packages: ['tool'] });
  yumOstreeOk(system, ['uninstall', 'tool']);
  expect(firstDeployment(system).checksum).toBe(system.base);
  expect(originOf(system).trimEnd()).toBe(`[origin]\nrefspec=${BASE_REF}`);
});

test('a request whose file no store has is told, not dropped', () => {
  const gone = `[packages]\nrequested-local=${'0'.repeat(64)}:gone-1-1.noarch;\n`;
  runProgram('sh', ['-c', 'printf "%s" "$0" >> "$1"', gone, `${deploymentRoot(system)}.origin`]);
  const { status, stderr } = yumOstree(system, ['install', 'gdb']);
  expect(stderr).toContain('the package file of gone-1-1.noarch that was layered is no longer in the store');
  expect(status).toBe(1);
  yumOstreeOk(system, ['uninstall', 'gone', '--install', 'gdb']);
  expect(firstDeployment(system)).toMatchObject({ packages: ['gdb'] });
});
