/** The timer's service under systemd, by each policy: what it does, what status tells, how the unit ends. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  deploymentRoot,
  makeTestSystem,
  publish,
  runProgram,
  STATEROOT,
  yumOstreeOk,
  type TestSystem,
} from './layering-sysroot.ts';
import {
  ALONE,
  machineCgroup,
  onSystemdMachine,
  systemdPackage,
  SYSTEMD_PROGRAMS,
  UNITS,
  varFile,
} from './systemd-machine.ts';

const PACKAGING = path.resolve('packaging/systemd');
const unit = (name: string) => ({
  path: `${UNITS}/${name}`,
  content: fs.readFileSync(path.join(PACKAGING, name)),
});
/** As it is installed, but for where the program of the test lies. */
const CLIENT =
  '#!/bin/bash\nexport LD_LIBRARY_PATH=/tmp/libraries\nexec /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/yum-ostree "$@"\n';

const REPORT = `
exec 2> /var/errors
export PATH=/usr/bin:/usr/sbin:/tmp/bin
# One run of the service: how it ended, and what status says then.
run() {
  systemctl start yum-ostree-automatic.service 2>> /var/starts
  echo "$1 $(systemctl show -p Result,ExecMainStatus --value yum-ostree-automatic.service | tr '\\n' ' ')" >> /var/results
  systemctl reset-failed yum-ostree-automatic.service
  yum-ostree status --json > "/var/status-$1"
}
policy() { echo "[updates]
policy=$1" > /etc/yum-ostree.conf; }
systemctl start yum-ostree-automatic.timer
systemctl is-active yum-ostree-automatic.timer > /var/timer
run unset
policy none; run none
policy often; run wrong
mv /var/server /var/away
policy check; run offline-check
policy stage; run offline-stage
mv /var/away /var/server
policy check; run check
# The editor holds the lock.
EDITOR='sleep 4; touch' yum-ostree kargs --editor > /dev/null &
sleep 2
policy stage
yum-ostree upgrade --quiet --wait=1 --trigger-automatic-update-policy 2> /var/locked
echo "locked $?" >> /var/results
yum-ostree status --json > /var/status-locked
rm /etc/yum-ostree.conf
echo '[Daemon]
AutomaticUpdatePolicy=stage' > /etc/rpm-ostreed.conf
run waited
run again
`;

let system: TestSystem;
let cgroup: ReturnType<typeof machineCgroup>;
let newer: string;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', {
    base: [
      systemdPackage([]),
      {
        name: 'client',
        files: [
          { path: '/usr/bin/yum-ostree', content: CLIENT, mode: 0o755 },
          unit('yum-ostree-automatic.service'),
          unit('yum-ostree-automatic.timer'),
          // What units have to do with by default.
          ...['sysinit', 'basic', 'shutdown'].map((name) => ({
            path: `${UNITS}/${name}.target`,
            content: ALONE,
          })),
        ],
      },
    ],
    mountPoints: true,
    programs: [...SYSTEMD_PROGRAMS, '/usr/bin/tr'],
  });
  const state = path.join(system.sysroot, 'ostree/deploy', STATEROOT, 'var');
  const server = path.join(state, 'server');
  runProgram('ostree', ['init', '--mode=archive', `--repo=${server}`]);
  runProgram('ostree', ['pull-local', `--repo=${server}`, system.repo, BASE_REF]);
  const remote = ['remote', 'add', `--repo=${system.repo}`, '--no-gpg-verify', 'origin'];
  runProgram('ostree', [...remote, 'file:///var/server']);
  publish(system, [{ name: 'gdb' }]);
  yumOstreeOk(system, ['install', 'gdb']);
  const root = deploymentRoot(system);
  fs.mkdirSync(path.join(root, 'etc/yum.repos.d'));
  const file = '[test]\nbaseurl=file:///var/packages\ngpgcheck=0\n';
  fs.writeFileSync(path.join(root, 'etc/yum.repos.d/test.repo'), file);
  const origin = `${root}.origin`;
  fs.writeFileSync(origin, fs.readFileSync(origin, 'utf8').replace(BASE_REF, `origin:${BASE_REF}`));
  // Newer ones of both.
  const words = [`--repo=${server}`, '-b', BASE_REF, `--tree=ref=${BASE_REF}`, '--timestamp=@1800000000'];
  newer = runProgram('ostree', ['commit', ...words, '--add-metadata-string=version=2']).trim();
  buildRpm(system.packages, { name: 'gdb', version: '2.0' });
  createRepository(system.packages);
  fs.cpSync(system.packages, path.join(state, 'packages'), { recursive: true });
  cgroup = machineCgroup();
  const report = { report: REPORT, cgroup: cgroup.path };
  const done = onSystemdMachine(system, root, report);
  expect([done.status, varFile(system, 'messages')]).toEqual([0, varFile(system, 'messages')]);
});
afterAll(() => {
  system.remove();
  cgroup.remove();
});

function status(name: string): Record<string, unknown> {
  return JSON.parse(varFile(system, `status-${name}`)) as Record<string, unknown>;
}

test('the timer starts, and each run of the service ends as its policy says', () => {
  expect(varFile(system, 'timer')).toBe('active\n');
  const results = varFile(system, 'results').trimEnd().split('\n');
  expect([results.map((line) => line.trimEnd()), varFile(system, 'errors')]).toEqual([
    [
      ...['unset success 0', 'none success 0', 'wrong exit-code 1'],
      ...['offline-check exit-code 1', 'offline-stage exit-code 1', 'check success 0'],
      ...['locked 1', 'waited success 0', 'again success 0'],
    ],
    '',
  ]);
});

test.each([
  ['unset', { policy: 'none', file: null, result: null, error: null }],
  ['none', { policy: 'none', file: '/etc/yum-ostree.conf', result: null }],
  [
    'wrong',
    { policy: 'none', error: expect.stringContaining('policy=often: there is no such policy') as string },
  ],
  [
    'offline-check',
    { policy: 'check', result: 'failed', error: expect.stringContaining('/var/server') as string },
  ],
  [
    'offline-stage',
    { policy: 'stage', result: 'failed', error: expect.stringContaining('/var/server') as string },
  ],
  ['check', { policy: 'check', result: 'available', error: null }],
  [
    'locked',
    { policy: 'stage', result: 'failed', error: expect.stringContaining('the sysroot is in use') as string },
  ],
  ['waited', { policy: 'stage', file: '/etc/rpm-ostreed.conf', result: 'staged', error: null }],
  ['again', { policy: 'stage', result: 'none', error: null }],
])('%s: status tells what came of it', (name, expected) => {
  expect(status(name)['automatic-updates']).toMatchObject(expected);
});

test('what was found is known until it is staged', () => {
  for (const name of ['check', 'locked'])
    expect(status(name)['cached-update']).toMatchObject({ checksum: newer, 'ref-has-new-commit': true });
  const { deployments, 'cached-update': found } = status('waited') as {
    deployments: object[];
    'cached-update': unknown;
  };
  expect(found).toBeNull();
  expect(deployments[0]).toMatchObject({
    ...{ default: true, booted: false, 'base-checksum': newer },
    layered: ['gdb-2.0-1.noarch'],
  });
  expect(varFile(system, 'locked')).toMatch(/^error: the sysroot is in use: process \d+ holds /);
});
