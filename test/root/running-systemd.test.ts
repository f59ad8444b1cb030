/** ps, audit, apply-live and restart-services on a machine whose first process is systemd. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  makeTestSystem,
  packageFile,
  publish,
  runProgram,
  yumOstreeOk,
  type TestSystem,
} from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

const UNITS = '/usr/lib/systemd/system';
/** Without the targets and sockets of a whole system. */
const ALONE = '[Unit]\nDefaultDependencies=no\n';

function daemon(version: string): RpmTestPackage {
  const content = Buffer.concat([fs.readFileSync('/usr/bin/sleep'), Buffer.from(version)]);
  const service = (name: string, more = ''): RpmTestPackage['files'] => [
    {
      path: `${UNITS}/${name}.service`,
      content: `${ALONE}[Service]\n${more}ExecStart=/usr/bin/${name} 1000\n`,
    },
  ];
  return {
    name: 'daemon',
    version,
    arch: 'x86_64',
    files: [
      { path: '/usr/bin/daemon', content, mode: 0o755 },
      // Only its unit changes.
      { path: '/usr/bin/steady', content: fs.readFileSync('/usr/bin/sleep'), mode: 0o755 },
      ...(service('daemon') ?? []),
      ...(service('steady', `Environment=VERSION=${version}\n`) ?? []),
    ],
  };
}

const SYSTEM: RpmTestPackage = {
  name: 'system',
  arch: 'x86_64',
  files: [
    { path: '/sys', kind: 'directory' },
    {
      path: '/usr/lib/systemd/systemd-shutdown',
      content: fs.readFileSync('/lib/systemd/systemd-shutdown'),
      mode: 0o755,
    },
    {
      path: `${UNITS}/default.target`,
      content: `${ALONE}Wants=daemon.service steady.service report.service\n`,
    },
    {
      path: `${UNITS}/report.service`,
      content: `${ALONE}After=daemon.service steady.service\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/bash /tmp/report\n`,
    },
  ],
};

/** What it says goes to /var, which the test reads. */
const REPORT = `
client() { LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/yum-ostree "$@"; }
exec 2> /var/errors
client ps --json > /var/ps
client apply-live --allow-replacement --json -q > /var/applied
client audit --json > /var/audit
client restart-services --json -q > /var/restarted
client audit --json > /var/audit-after
systemctl show -p Environment --value steady.service > /var/environment
systemctl exit --force
`;

/** Few devices, and not those of the test's machine: systemd makes links there. What it logs goes to /var. */
const DEVICES = `
mkdir /tmp/dev; : > /var/messages
for name in null zero full random urandom; do : > /tmp/dev/$name; host mount --bind /dev/$name /tmp/dev/$name; done
: > /tmp/dev/kmsg; host mount --bind /var/messages /tmp/dev/kmsg
host mount --rbind /tmp/dev /dev`;

let system: TestSystem;
let base: string;
let cgroup: string;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', {
    base: [daemon('1'), SYSTEM],
    mountPoints: true,
    programs: ['/bin/systemctl', '/lib/systemd/systemd'],
  });
  base = deploymentRoot(system);
  publish(system, [daemon('2')]);
  yumOstreeOk(system, ['override', 'replace', packageFile(system, 'daemon')]);
  const unified = runProgram('findmnt', ['-n', '-t', 'cgroup2', '-o', 'TARGET']).trim().split('\n')[0] ?? '';
  cgroup = fs.mkdtempSync(path.join(unified, 'yum-ostree-running-'));
});
afterAll(() => {
  system.remove();
  // The deepest first; it is empty when its processes are gone.
  spawnSync('find', [cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
});

function said(name: string): string {
  return fs.readFileSync(path.join(system.sysroot, 'ostree/deploy/test/var', name), 'utf8');
}

function json(name: string): Record<string, unknown> {
  return JSON.parse(said(name)) as Record<string, unknown>;
}

interface Ps {
  readonly processes: readonly { readonly name: string; readonly unit: string; readonly slice: string }[];
}

test('units of systemd are told, named for a restart, and restarted', () => {
  const done = onRunningMachine(
    system,
    base,
    `cat > /tmp/report <<'END'\n${REPORT}\nEND
     echo 0123456789abcdef0123456789abcdef > /etc/machine-id
     ${DEVICES}
     export container=test SYSTEMD_LOG_TARGET=kmsg
     exec /usr/bin/systemd --system --unit=default.target --show-status=false`,
    cgroup,
  );
  expect([done.status, said('messages')]).toEqual([0, said('messages')]);
  expect(said('errors')).toBe('');
  const { processes } = json('ps') as unknown as Ps;
  const units = processes.map(({ name, unit, slice }) => [name, unit, slice]);
  expect(units).toContainEqual(['daemon', 'daemon.service', 'system.slice']);
  expect(units).toContainEqual(['steady', 'steady.service', 'system.slice']);
  expect(units).toContainEqual(['systemd', 'init.scope', null]);
  expect(json('applied')).toMatchObject({ result: 'applied' });
  const restarts = [
    {
      unit: 'daemon.service',
      by: 'restart',
      reasons: ['/usr/bin/daemon of daemon-1-1.x86_64 was replaced by that of daemon-2-1.x86_64'],
    },
    {
      unit: 'steady.service',
      by: 'restart',
      reasons: [`its unit file ${UNITS}/steady.service was changed`],
    },
  ];
  expect(json('audit')).toMatchObject({
    restarts: expect.arrayContaining(
      restarts.map((one) => expect.objectContaining(one) as object),
    ) as object[],
  });
  expect(json('restarted')).toMatchObject({
    restarted: [
      { unit: 'daemon.service', failure: null },
      { unit: 'steady.service', failure: null },
    ],
    restarts: [],
  });
  expect(json('audit-after')).toMatchObject({ restarts: [], restarted: [{}, {}] });
  expect(said('environment')).toBe('VERSION=2\n');
});
