/** Looking for updates, by hand and by policy: what is found, what status tells, what rpm-ostree's fields hold. */
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentRoot,
  firstDeployment,
  makeTestSystem,
  publish,
  runProgram,
  STATEROOT,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const UPDATEINFO = `<?xml version="1.0"?><updates>
<update type="security" status="final"><id>TEST-2026-1</id><title>gdb</title><severity>Important</severity>
<references><reference href="https://bugs.example/1" type="bugzilla" title="CVE-2026-1234 gdb: overflow"/>
<reference href="https://bugs.example/2" type="bugzilla" title="gdb is slow"/></references>
<pkglist><collection><package name="gdb" version="2.0" release="1" epoch="0" arch="noarch" src="x"><filename>x</filename></package></collection></pkglist></update>
<update type="bugfix"><id>TEST-2026-0</id><title>old</title><severity>None</severity>
<pkglist><collection><package name="gdb" version="1.0" release="1" epoch="0" arch="noarch"/></collection></pkglist></update>
<update type="enhancement"><id>TEST-2026-2</id><title>nano</title>
<pkglist><collection><package name="nano" version="3.0" release="1" epoch="0" arch="noarch"/></collection></pkglist></update>
</updates>`;

let system: TestSystem;
let server: string;
let newer: string;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [{ name: 'gdb' }]);
  yumOstreeOk(system, ['install', 'gdb']);
  // The base comes from a remote from now on.
  server = path.join(system.directory, 'server');
  runProgram('ostree', ['init', '--mode=archive', `--repo=${server}`]);
  runProgram('ostree', ['pull-local', `--repo=${server}`, system.repo, BASE_REF]);
  runProgram('ostree', [
    'remote',
    'add',
    `--repo=${system.repo}`,
    '--no-gpg-verify',
    'origin',
    `file://${server}`,
  ]);
  runProgram('ostree', ['pull', `--repo=${system.repo}`, `origin:${BASE_REF}`]);
  yumOstreeOk(system, ['switch', `origin:${BASE_REF}`]);
});

afterAll(() => system.remove());

/** A newer base at the server: a file is new, and its list of packages says so, as rpm-ostree's composes record it. */
function commitNewer(): string {
  const tree = path.join(system.directory, 'newer');
  runProgram('ostree', ['checkout', '-U', `--repo=${server}`, BASE_REF, tree]);
  fs.writeFileSync(path.join(tree, 'usr/share/newer'), 'newer\n');
  const list =
    "[('nano', '0', '3.0', '1', 'noarch'), ('base-files', '0', '1.0', '1', 'noarch'), ('vim', '0', '1', '1', 'noarch')]";
  return runProgram('ostree', [
    ...['commit', `--repo=${server}`, '-b', BASE_REF, `--tree=dir=${tree}`, '--timestamp=@1800000000'],
    ...['--add-metadata-string=version=2', `--add-metadata=rpmostree.rpmdb.pkglist=@a(sssss) ${list}`],
  ]).trim();
}

function status(): Record<string, unknown> {
  return JSON.parse(yumOstreeOk(system, ['status', '--json'])) as Record<string, unknown>;
}

function setPolicy(text: string, file = 'yum-ostree.conf'): void {
  fs.writeFileSync(path.join(deploymentRoot(system), 'etc', file), text);
}

test('nothing new: exit code 77', () => {
  expect(yumOstree(system, ['upgrade', '--check'])).toMatchObject({ status: 77 });
  expect(status()).toMatchObject({
    'cached-update': null,
    'automatic-updates': { policy: 'none', result: 'none', file: null },
  });
});

test('a newer base and a newer layered package are found, with advisories; nothing but the commit is fetched', () => {
  newer = commitNewer();
  buildRpm(system.packages, { name: 'gdb', version: '2.0' });
  createRepository(system.packages);
  const updateinfo = path.join(system.directory, 'updateinfo.xml');
  fs.writeFileSync(updateinfo, UPDATEINFO);
  runProgram('modifyrepo_c', [updateinfo, path.join(system.packages, 'repodata')]);
  const text = yumOstreeOk(system, ['upgrade', '--preview']);
  expect(text.replaceAll(newer, 'NEWER')).toMatchInlineSnapshot(`
    "AvailableUpdate:
        Base:           origin:test/x86_64/base
        Version:        2 (2027-01-15T08:00:00Z)
        Commit:         NEWER
        Diff:           1 upgraded, 2 removed, 1 added
        LayeredDiff:    1 upgraded
        SecAdvisories:  1 important
          nano  1.0-1 -> 3.0-1
          - icons-1.0-1.noarch
          - pico-1.0-1.noarch
          + vim-1-1.noarch
          gdb  1.0-1 -> 2.0-1
    Advisories:
          TEST-2026-2  enhancement          nano-3.0-1
          TEST-2026-1  security, important  gdb-2.0-1
    "
  `);
  const { status: code, stdout } = spawnSync('ostree', [
    'ls',
    `--repo=${system.repo}`,
    newer,
    '/usr/share/newer',
  ]);
  expect(`${String(code)}${stdout.toString()}`).toBe('1');
});

test('status tells of it, in text and with the fields of rpm-ostree', () => {
  expect(yumOstreeOk(system, ['status'])).toMatch(
    /AvailableUpdate:\n +Base: +origin:.*\n(.*\n)* +SecAdvisories: +1 important/,
  );
  expect(status()['cached-update']).toEqual({
    ...{ osname: STATEROOT, checksum: newer, version: '2', timestamp: 1_800_000_000 },
    ...{ origin: `origin:${BASE_REF}`, 'ref-has-new-commit': true },
    'rpm-diff': {
      upgraded: [
        [0, 'nano', ['1.0-1', 'noarch'], ['3.0-1', 'noarch']],
        [1, 'gdb', ['1.0-1', 'noarch'], ['2.0-1', 'noarch']],
      ],
      downgraded: [],
      removed: [
        [0, 'icons', '1.0-1', 'noarch'],
        [0, 'pico', '1.0-1', 'noarch'],
      ],
      added: [[0, 'vim', '1-1', 'noarch']],
    },
    advisories: [
      ['TEST-2026-2', 3, 0, ['nano-3.0-1.noarch'], { cve_references: [] }],
      [
        ...['TEST-2026-1', 1, 3, ['gdb-2.0-1.noarch']],
        { cve_references: [['https://bugs.example/1', 'CVE-2026-1234 gdb: overflow']] },
      ],
    ],
    'update-sha256': firstDeployment(system).checksum,
  });
  expect(yumOstreeOk(system, ['status', '-a'])).toMatch(/Advisories:\n +TEST-2026-2 +enhancement/);
});

const trigger = ['upgrade', '--trigger-automatic-update-policy'];

test('the policy none does nothing, check looks, a wrong word is an error', () => {
  expect(yumOstreeOk(system, trigger)).toBe('Automatic updates are off.\n');
  setPolicy('[Daemon]\nAutomaticUpdatePolicy=check\n', 'rpm-ostreed.conf');
  yumOstreeOk(system, trigger);
  expect(status()['automatic-updates']).toMatchObject({
    ...{ policy: 'check', file: '/etc/rpm-ostreed.conf', result: 'available', error: null },
  });
  setPolicy('[updates]\npolicy=often\n');
  const wrong = yumOstree(system, trigger);
  expect(wrong.stderr).toContain('/etc/yum-ostree.conf: [updates] policy=often: there is no such policy');
  expect(wrong.status).toBe(1);
  expect(yumOstreeOk(system, ['status'])).toMatch(/^AutomaticUpdates: off, as \/etc\/yum-ostree.conf: /);
});

test('the policy stage upgrades; a failure is told by status', () => {
  setPolicy('[updates]\npolicy=stage\n');
  fs.renameSync(system.packages, `${system.packages}.away`);
  fs.renameSync(server, `${server}.away`);
  expect(yumOstree(system, trigger)).toMatchObject({ status: 1 });
  expect(yumOstreeOk(system, ['status'])).toMatch(
    /^AutomaticUpdates: stage; last run .*: failed: remote origin: /,
  );
  fs.renameSync(`${server}.away`, server);
  fs.renameSync(`${system.packages}.away`, system.packages);
  yumOstreeOk(system, trigger);
  expect(firstDeployment(system)).toMatchObject({ 'base-checksum': newer, layered: ['gdb-2.0-1.noarch'] });
  expect(status()).toMatchObject({ 'cached-update': null, 'automatic-updates': { result: 'staged' } });
});

test('db diff tells of advisories and changelogs, db version compares trees', () => {
  const source = [`--repofrompath=test,${system.packages}`, '--no-gpgchecks'];
  const diff = ['db', 'diff', 'rollback', 'pending', '--advisories', '--changelogs', ...source];
  expect(yumOstreeOk(system, diff)).toMatch(
    /gdb 1\.0-1 -> 2\.0-1\n(.*\n)*Advisories:\n +TEST-2026-1 +security, important +gdb-2\.0-1\n/,
  );
  const lines = yumOstreeOk(system, ['db', 'diff', 'rollback', 'pending', '--format=diff']);
  expect(lines).toContain('-gdb-1.0-1.noarch\n+gdb-2.0-1.noarch\n');
  const version = (rev: string): string => yumOstreeOk(system, ['db', 'version', rev]).split('\n')[1] ?? '';
  expect(version('pending')).toMatch(/^ {2}rpmdb version: [0-9]+:[0-9a-f]{64}$/);
  expect(version('pending')).not.toBe(version('rollback'));
});

test('the units do what the policy says', () => {
  const unit = fs.readFileSync('packaging/systemd/yum-ostree-automatic.service', 'utf8');
  const [, words = ''] = /^ExecStart=\/usr\/bin\/yum-ostree (.*)$/m.exec(unit) ?? [];
  const run = spawnSync(process.execPath, clientArguments(system, words.split(' ')), { encoding: 'utf8' });
  expect(run).toMatchObject({ status: 0, stdout: '' });
  const verify = spawnSync(
    'systemd-analyze',
    ['--man=no', 'verify', path.resolve('packaging/systemd/yum-ostree-automatic.timer')],
    {
      encoding: 'utf8',
    },
  );
  expect(verify.stderr.split('\n').filter((line) => line.includes('yum-ostree-automatic.timer'))).toEqual([]);
});
