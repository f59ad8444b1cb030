/** search, info, group, db, refresh-md of the client, beside dnf and rpm. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  deploymentsOf,
  firstDeployment,
  makeTestSystem,
  publish,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const COMPS = `<comps><group><id>tracing</id><name>Tracing</name><description>Watch it run</description><packagelist>
<packagereq type="mandatory">strace</packagereq><packagereq type="default">ltrace</packagereq>
<packagereq type="optional">absent</packagereq></packagelist></group></comps>`;

let system: TestSystem;
let scratch: string;

beforeAll(() => {
  system = makeTestSystem();
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yo-queries-'));
  publish(system, [{ name: 'strace' }, { name: 'ltrace', requires: ['strace'] }, { name: 'other' }], {
    comps: COMPS,
  });
});

afterAll(() => {
  system.remove();
  fs.rmSync(scratch, { recursive: true, force: true });
});

/** A query of ours as JSON; those of repositories are told where ours is. */
function asked(words: readonly string[], repositories = true): unknown {
  const source = repositories ? [`--repofrompath=test,${system.packages}`, '--no-gpgchecks'] : [];
  const { status, stdout, stderr } = yumOstree(system, ['--json', ...words, ...source]);
  expect(stderr + String(status)).toMatch(/0$/);
  return JSON.parse(stdout);
}

function dnf(...words: string[]): string {
  const options = [`--installroot=${scratch}/root`, `--repofrompath=test,${system.packages}`, '--repo=test'];
  const cache = [`--setopt=cachedir=${scratch}/cache`, '--releasever=1', '--nogpgcheck', '--noplugins', '-q'];
  const { status, stdout, stderr } = spawnSync('dnf', [...options, ...cache, ...words], { encoding: 'utf8' });
  expect(`${stderr}${status}`).toMatch(/0$/);
  return stdout;
}

test('search and info tell what dnf tells', () => {
  const found = asked(['search', 'TRACE']) as { packages: { nevra: string; match: string; state: string }[] };
  const theirs = dnf('repoquery', '--qf', '%{name}-%{evr}.%{arch}', '*trace*').trim().split('\n').sort();
  expect(found.packages.map(({ nevra }) => nevra).sort()).toEqual(theirs);
  const { packages } = asked(['info', 'strace']) as { packages: Record<string, unknown>[] };
  const format = '%{summary}|%{license}|%{url}|%{size}|%{installsize}|%{sourcerpm}';
  const [one] = packages;
  const ours = ['summary', 'license', 'url', 'package-size', 'installed-size', 'source-rpm'].map((key) =>
    String(one?.[key] === '' ? '(none)' : one?.[key]),
  );
  const [first = ''] = dnf('repoquery', '--qf', format, 'strace').split('\n');
  expect(ours).toEqual(first.split('|').map((field) => (field === '' ? '(none)' : field)));
});

test('group list and info', () => {
  expect(asked(['group', 'list'])).toMatchObject({
    groups: [{ id: 'tracing', name: 'Tracing', layered: false }],
  });
  expect(asked(['group', 'info', '@tracing'])).toMatchObject({
    groups: [
      {
        description: 'Watch it run',
        members: [
          { name: 'strace', kind: 'mandatory', state: 'available' },
          { name: 'ltrace', kind: 'default', state: 'available' },
          { name: 'absent', kind: 'optional', state: null },
        ],
      },
    ],
  });
});

test('what does not exist is named, all at once', () => {
  const source = [`--repofrompath=test,${system.packages}`, '--no-gpgchecks'];
  const info = yumOstree(system, ['info', 'nope', 'nada', ...source]);
  expect(info).toMatchObject({ status: 1 });
  expect(info.stderr).toContain('nope, nada');
  const group = yumOstree(system, ['group', 'info', 'x', 'y', ...source]);
  expect(group.stderr).toContain('@x, @y');
  expect(group.status).toBe(1);
});

test('refresh-md counts the packages', () => {
  expect(asked(['refresh-md', '--force'])).toMatchObject({ repositories: [{ id: 'test', packages: 3 }] });
});

test('db list agrees with rpm, db diff tells what a layer added', () => {
  yumOstreeOk(system, ['install', '@tracing']);
  const { commits } = asked(['db', 'list', 'pending'], false) as { commits: { packages: string[] }[] };
  const tree = path.join(
    system.sysroot,
    'ostree/deploy/test/deploy',
    `${firstDeployment(system).checksum}.0`,
  );
  const rpm = spawnSync('rpm', ['-qa', '--dbpath', path.join(tree, 'usr/share/rpm')], { encoding: 'utf8' });
  expect([...(commits[0]?.packages ?? [])].sort()).toEqual(rpm.stdout.trim().split('\n').sort());
  const listed = (...words: string[]): unknown => asked(['db', 'list', ...words], false);
  expect(listed('pending', 'strace')).toMatchObject({ commits: [{ packages: ['strace-1.0-1.noarch'] }] });
  expect(listed('lt*', 'stra?e.noarch')).toMatchObject({
    commits: [{ packages: ['ltrace-1.0-1.noarch', 'strace-1.0-1.noarch'] }],
  });
  expect(yumOstree(system, ['db', 'list', 'pending', 'no-such'])).toMatchObject({ status: 1 });
  expect(yumOstreeOk(system, ['status', '-b'])).toBe(
    `None of the ${deploymentsOf(system).length} deployments is booted.\n`,
  );
  expect(asked(['db', 'diff'], false)).toMatchObject({
    upgraded: [],
    removed: [],
    added: ['ltrace-1.0-1.noarch', 'strace-1.0-1.noarch'],
  });
  const state = asked(['info', 'strace']) as { packages: { state: string }[] };
  expect(state.packages.map((one) => one.state)).toEqual(['layered']);
  yumOstreeOk(system, ['uninstall', '@tracing']);
});
