import { expect, test } from 'vitest';
import { changedUnitFiles, isOfUnit, settleCommands, unitFile } from '#layering/live-units.ts';

test.each([
  ['/usr/lib/systemd/system/a.service', 'a.service'],
  ['/etc/systemd/system/a@.service.d/10-x.conf', 'a@.service'],
  ['/etc/systemd/system/multi-user.target.wants/a.service', undefined],
  ['/usr/lib/systemd/system/a.service.d/readme', undefined],
  ['/usr/lib/systemd/user/a.service', undefined],
  ['/usr/lib/systemd/system/.service', undefined],
])('%s is of %s', (path, unit) => {
  expect(unitFile(path)?.unit).toBe(unit);
});

test('instances of a template', () => {
  expect(isOfUnit('getty@tty1.service', 'getty@.service')).toBe(true);
  expect(isOfUnit('getty@tty1.service', 'getty.service')).toBe(false);
  expect(isOfUnit('a.service', 'a.service')).toBe(true);
});

test('new units are not changed ones, new drop-ins are', () => {
  const units = '/usr/lib/systemd/system';
  const lists = {
    added: [`${units}/new.service`, `${units}/a.service.d/x.conf`],
    replaced: [`${units}/b.service`],
    removed: [`${units}/c.socket`],
  };
  expect(changedUnitFiles(lists).map(({ unit }) => unit)).toEqual(['b.service', 'c.socket', 'a.service']);
});

test('programs are called for new files of theirs only', () => {
  const none = { added: ['/usr/bin/x'], replaced: [], removed: [] };
  expect(settleCommands(none, true)).toEqual([]);
  const all = {
    added: ['/usr/lib/sysusers.d/a.conf', '/usr/lib/systemd/system/a.service'],
    replaced: [
      '/usr/lib/tmpfiles.d/b.conf',
      '/usr/lib/tmpfiles.d/readme',
      '/etc/tmpfiles.d/b.conf',
      '/usr/share/tmpfiles.d/c.conf',
    ],
    removed: [],
  };
  expect(settleCommands(all, true)).toEqual([
    ['systemd-sysusers', 'a.conf'],
    ['systemd-tmpfiles', '--create', 'b.conf'],
    ['systemctl', 'daemon-reload'],
  ]);
  expect(settleCommands(all, false)).toHaveLength(2);
});
