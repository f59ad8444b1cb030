/** Beside rpm-ostree: what it layered is continued from, in its own words. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  deploymentRoot,
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
  expect(yumOstreeOk(system, ['status'])).toMatch(
    /^ +Packages: +gdb\n +LocalPackages: +tool-1\.0-1\.noarch$/m,
  );
  expect(originOf(system)).toContain(`[packages]\nrequested-local=${entry};\nrequested=gdb;\n`);
  expect(originOf(system)).not.toContain('[yum-ostree]\nrequested-local');
  expect(rpmNames(system)).toContain('tool');
  const place = ['--root', deploymentRoot(system), '--dbpath', '/usr/share/rpm'];
  expect(runProgram('rpm', [...place, '-V', '--nomtime', 'tool', 'gdb'])).toBe('');
  fsckClean(system);
});

/** Of a deployment in rpm-ostree 2026.2, that are always there. */
const THEIR_FIELDS = (
  'id osname serial checksum version timestamp booted staged pinned unlocked finalization-locked origin ' +
  'base-checksum base-version base-timestamp base-commit-meta layered-commit-meta packages requested-packages ' +
  'requested-local-packages requested-local-fileoverride-packages requested-base-removals base-removals ' +
  'requested-base-local-replacements base-local-replacements requested-base-remote-replacements ' +
  'base-remote-replacements regenerate-initramfs initramfs-args initramfs-etc gpg-enabled'
).split(' ');

test('status --json has the fields of rpm-ostree', () => {
  const status = firstDeployment(system) as unknown as Record<string, unknown>;
  expect(THEIR_FIELDS.filter((field) => !(field in status))).toEqual([]);
  expect(status).toMatchObject({
    'base-version': '1',
    'base-timestamp': 1_700_000_000,
    'base-commit-meta': { version: '1' },
    'layered-commit-meta': { 'rpmostree.clientlayer': true, 'yum-ostree.packages': ['gdb', 'tool'] },
    'gpg-enabled': false,
  });
  expect(status['layered-commit-meta']).not.toHaveProperty(['rpmostree.rpmdb.pkglist']);
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

test('kargs by either name: a new deployment of the same tree, in the boot entry that C ostree reads', () => {
  const before = firstDeployment(system).checksum;
  const kargs = (...words: string[]) => {
    const client = path.resolve('cli/bin/rpm-ostree');
    const all = [client, 'kargs', `--sysroot=${system.sysroot}`, ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const add = ['--append=console=tty0', '--append=console=ttyS0', '--append=quiet'];
  expect(kargs(...add, '--append-if-missing=quiet')).toMatchObject({ status: 0 });
  expect(kargs()).toMatchObject({ stdout: 'console=tty0 console=ttyS0 quiet\n' });
  expect(firstDeployment(system).checksum).toBe(before);
  const entry = runProgram('sh', ['-c', 'cat "$0"/boot/loader/entries/*.conf', system.sysroot]);
  expect(entry).toMatch(/^options .*console=tty0 console=ttyS0 quiet\b/m);
  const edits = ['--replace=console=tty0=tty1', '--replace=quiet=1', '--delete=console=ttyS0'];
  kargs(...edits, '--delete-if-present=nope');
  expect(kargs('--deploy-index=0').stdout).toBe('console=tty1 quiet=1\n');
  expect(kargs('--append-if-missing=quiet=1', '--unchanged-exit-77')).toMatchObject({ status: 77 });
  expect(kargs('--delete=nope')).toMatchObject({ status: 1 });
  expect(kargs('--replace=nope=1').stderr).toContain("no kernel argument 'nope' is set");
  expect(kargs('--deploy-index=9').stderr).toContain('there is no deployment 9');
  const edit = { ...process.env, VISUAL: 'sed -i s/tty1/tty2/' };
  const client = [path.resolve('cli/bin/yum-ostree'), 'kargs', '--editor', `--sysroot=${system.sysroot}`];
  expect(spawnSync(process.execPath, client, { env: edit }).status).toBe(0);
  expect(kargs().stdout).toBe('console=tty2 quiet=1\n');
});

test('what is pinned is not replaced, and what there is not says so in one line', () => {
  yumOstreeOk(system, ['pin', '0']);
  expect(firstDeployment(system)).toMatchObject({ pinned: true });
  yumOstreeOk(system, ['pin', '--unpin', '0']);
  expect(firstDeployment(system)).toMatchObject({ pinned: false });
  const client = [path.resolve('cli/bin/rpm-ostree'), 'cancel'];
  const { status, stderr } = spawnSync(process.execPath, client, { encoding: 'utf8' });
  expect(stderr).toMatch(/^error: rpm-ostree cancel is not done by this program\nhint: there is no daemon/);
  expect(status).toBe(1);
});

test('kargs --deploy-index takes no deployment of another stateroot for one of this', () => {
  const other = ['--sysroot', system.sysroot, '--os=other', BASE_REF];
  runProgram('ostree', ['admin', 'os-init', '--sysroot', system.sysroot, 'other']);
  runProgram('ostree', ['admin', 'deploy', '--karg=of=other', ...other]);
  const all = deploymentsOf(system) as unknown as { osname: string; checksum: string }[];
  const [index, mine] = ['other', 'test'].map((name) => all.findIndex(({ osname }) => osname === name));
  const kargs = (...words: string[]) => yumOstree(system, ['kargs', ...words]);
  const wrong = kargs('--os=test', `--deploy-index=${String(index)}`, '--append=added');
  expect(wrong.stderr).toContain(`deployment ${String(index)} is of the stateroot 'other', not of 'test'`);
  expect(wrong.status).toBe(2);
  expect(kargs('--os=test', `--deploy-index=${String(index)}`).status).toBe(2);
  expect(kargs(`--deploy-index=${String(index)}`).stdout).toBe('of=other\n');
  expect(deploymentsOf(system)).toHaveLength(all.length);
  expect(kargs('--os=test', `--deploy-index=${String(mine)}`, '--append=added').status).toBe(0);
});
