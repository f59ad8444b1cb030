/** ps, audit, apply-live and restart-services on a machine whose first process is systemd. */
import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  makeTestSystem,
  packageFile,
  publish,
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
`;

let system: TestSystem;
let base: string;
let cgroup: ReturnType<typeof machineCgroup>;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', {
    base: [daemon('1'), systemdPackage(['daemon.service', 'steady.service'])],
    mountPoints: true,
    programs: SYSTEMD_PROGRAMS,
  });
  base = deploymentRoot(system);
  publish(system, [daemon('2')]);
  yumOstreeOk(system, ['override', 'replace', packageFile(system, 'daemon')]);
  cgroup = machineCgroup();
});
afterAll(() => {
  system.remove();
  cgroup.remove();
});

const said = (name: string): string => varFile(system, name);

function json(name: string): Record<string, unknown> {
  return JSON.parse(said(name)) as Record<string, unknown>;
}

interface Ps {
  readonly processes: readonly { readonly name: string; readonly unit: string; readonly slice: string }[];
}

test('units of systemd are told, named for a restart, and restarted', () => {
  const done = onSystemdMachine(system, base, { report: REPORT, cgroup: cgroup.path });
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
