import { expect, test } from 'vitest';
import { auditOf, neededRestarts, type NeededRestart, type NextBoot } from '#layering/running-audit.ts';
import { NO_RECORD, type ChangedUnit } from '#layering/live-record.ts';
import { NO_CARE } from '#layering/restart-care.ts';
import type { RunningFile, RunningProcess, RunningReport } from '#layering/running.ts';

const FILE: RunningFile = {
  path: '/usr/lib64/libssl.so',
  state: 'deleted',
  tree: 'base',
  deployment: 'a.0',
  object: null,
  packages: ['openssl-1-1.x86_64'],
  replacedBy: ['openssl-2-1.x86_64'],
  isExecutable: true,
  device: 1,
  inode: 1,
};
const PROCESS: RunningProcess = {
  pid: 8,
  name: 'sshd',
  uid: 0,
  startedAt: 100,
  unit: 'sshd.service',
  userUnit: null,
  slice: 'system.slice',
  state: 'deleted',
  files: [FILE],
};
const REPORT: RunningReport = {
  current: null,
  trees: [],
  layer: null,
  applied: null,
  care: NO_CARE,
  restarted: [],
  processes: [],
  unseen: [],
};
const SAME: NextBoot = {
  from: 'base',
  to: 'base',
  isSame: true,
  packages: { added: [], removed: [], upgraded: [], downgraded: [] },
  isOtherKernel: false,
  kernelArguments: { added: [], removed: [] },
};

function restartsOf(
  processes: readonly RunningProcess[],
  changedUnits: readonly ChangedUnit[] = [],
  care = NO_CARE,
): NeededRestart[] {
  return neededRestarts({ processes, applied: { ...NO_RECORD, changedUnits }, care });
}

test('processes are grouped by unit, files by package, code first', () => {
  const data = { ...FILE, path: '/usr/share/locale/x', isExecutable: false };
  const older = { ...FILE, path: '/usr/bin/tool', state: 'older-tree' as const, tree: 'old', packages: [] };
  const found = restartsOf(
    [
      { ...PROCESS, files: [data, FILE, { ...FILE, state: 'current' }] },
      { ...PROCESS, pid: 9 },
      { ...PROCESS, pid: 10, unit: null, name: 'tool', files: [older] },
      { ...PROCESS, pid: 11, unit: null, name: 'tool', files: [{ ...older, tree: null }] },
      { ...PROCESS, pid: 12, unit: 'other.service', files: [{ ...FILE, state: 'overlay' }] },
    ],
    [],
  );
  expect(
    found.map(({ unit, processes, reasons }) => [unit, processes.map(({ pid }) => pid), reasons]),
  ).toEqual([
    [
      'sshd.service',
      [8, 9],
      ['/usr/lib64/libssl.so and 1 more of openssl-1-1.x86_64 was replaced by that of openssl-2-1.x86_64'],
    ],
    [null, [10], ['/usr/bin/tool is from old']],
    [null, [11], ['/usr/bin/tool is from a tree that is gone']],
  ]);
});

test('a unit that was started before its file was changed', () => {
  const path = '/usr/lib/systemd/system/sshd@.service';
  const changed = [
    { unit: 'sshd@.service', path, uptime: 200 },
    { unit: 'sshd@.service', path, uptime: 250 },
  ];
  const found = restartsOf(
    [
      { ...PROCESS, unit: 'sshd@a.service', files: [] },
      { ...PROCESS, unit: 'sshd@b.service', startedAt: 300, files: [] },
      { ...PROCESS, unit: 'sshd@c.service', startedAt: null, files: [] },
      { ...PROCESS, unit: 'user@1.service', userUnit: 'sshd@d.service', files: [] },
      { ...PROCESS, unit: 'other.service', files: [] },
    ],
    changed,
  );
  expect(found.map(({ unit, by, reasons }) => [unit, by, reasons])).toEqual([
    ['sshd@a.service', 'restart', [`its unit file ${path} was changed`]],
  ]);
});

test.each([
  ['sshd.service', null, 'restart'],
  ['init.scope', null, 'reexec'],
  ['dbus-broker.service', null, 'reboot'],
  ['session-1.scope', null, 'log-out'],
  ['user@1000.service', null, 'log-out'],
  ['user@1000.service', 'pipewire.service', 'user-restart'],
  ['user@1000.service', 'app-x.scope', 'log-out'],
  [null, null, 'log-out'],
])('%s %s needs a %s', (unit, userUnit, by) => {
  expect(restartsOf([{ ...PROCESS, unit, userUnit }])[0]?.by).toBe(by);
});

test.each([
  ['sshd.service', null, null],
  ['gdm.service', null, 'it ends the graphical sessions'],
  ['own-greeter.service', null, 'it ends the graphical sessions'],
  ['dbus-broker.service', null, 'what uses the message bus does not find it again'],
  ['systemd-logind.service', null, 'it keeps the sessions and their devices'],
  ['serial-getty@ttyS0.service', null, 'it ends the session on its terminal'],
  ['cockpit.service', null, 'this command runs in it'],
  ['user@1000.service', 'gdm.service', null],
  ['user@1000.service', 'cockpit.service', null],
])('a restart of %s %s: %s', (unit, userUnit, loses) => {
  const own = { unit: 'cockpit.service', userUnit: null };
  const care = { own, displayManager: 'own-greeter.service' };
  expect(restartsOf([{ ...PROCESS, unit, userUnit }], [], care)[0]?.loses).toBe(loses);
});

test.each<[string, Partial<RunningReport>, NextBoot | null, number]>([
  ['nothing', {}, SAME, 0],
  ['nothing booted', {}, null, 0],
  ['a restart', { processes: [PROCESS] }, SAME, 9],
  ['a reboot', {}, { ...SAME, isSame: false, to: 'base+x' }, 10],
  [
    'a reboot for its kernel arguments',
    {},
    { ...SAME, isSame: false, kernelArguments: { added: ['a'], removed: [] } },
    10,
  ],
  ['the same tree deployed again', {}, { ...SAME, isSame: false }, 0],
  ['an unlocked /usr', { layer: { kind: 'hotfix', upper: '/x' } }, SAME, 12],
  [
    'all',
    { processes: [PROCESS], layer: { kind: 'hotfix', upper: '/x' } },
    { ...SAME, isSame: false, isOtherKernel: true },
    15,
  ],
])('the exit code of %s', (_, report, nextBoot, code) => {
  expect(auditOf({ ...REPORT, ...report }, nextBoot).exitCode).toBe(code);
});
