import { expect, test } from 'vitest';
import { parseCgroup, parseMaps, parseStatus, unitOfCgroup } from '#layering/running-proc.ts';

test('maps: each file once, code told from data, memory and broken lines left out', () => {
  const text = `5581a000-5581b000 r--p 00000000 fe:00 12345   /usr/bin/a b (deleted)
5581b000-5581c000 r-xp 00001000 fe:00 12345   /usr/bin/a b (deleted)
7f00-7f01 r--s 00000000 00:28 18446744073709551615 /usr/share/x\\012y
7f00-7f01 rw-p 00000000 00:00 0
7f00-7f01 rw-p 00000000 00:00 0    [heap]
7f00-7f01 rw-s 00000000 00:01 0 /dev/zero (deleted)
7f00 r--p /broken
`;
  expect(parseMaps(text)).toEqual([
    { path: '/usr/bin/a b', device: 0xfe00, inode: 12345, isDeleted: true, isExecutable: true },
    { path: '/usr/share/x\ny', device: 0x28, inode: 2 ** 64, isDeleted: false, isExecutable: false },
  ]);
});

test.each([
  ['/system.slice/sshd.service', 'sshd.service', null, 'system.slice'],
  ['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service', null, 'system-getty.slice'],
  ['/init.scope', 'init.scope', null, null],
  ['/user.slice/user-1000.slice/session-2.scope', 'session-2.scope', null, 'user-1000.slice'],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service',
    'user@1000.service',
    'app-x.service',
    'app.slice',
  ],
  ['/user.slice/user-0.slice/user@0.service/init.scope', 'user@0.service', null, 'user-0.slice'],
  ['/machine.slice/libpod-1.scope/container/system.slice/x.service', 'libpod-1.scope', null, 'system.slice'],
  ['/system.slice/_cpu.service', 'cpu.service', null, 'system.slice'],
  ['/process_api/0', null, null, null],
])('%s', (path, unit, userUnit, slice) => {
  expect(unitOfCgroup(path)).toEqual({ unit, userUnit, slice });
});

test('the unified hierarchy counts, else that of systemd', () => {
  const hybrid = '9:name=systemd:/system.slice/a.service\n4:memory:/x\n0::/\n';
  expect(parseCgroup(hybrid).unit).toBe('a.service');
  expect(parseCgroup(`1:name=systemd:/b.service\n0::/c.service\n`).unit).toBe('c.service');
  expect(parseCgroup('').unit).toBeNull();
});

test('status: kernel threads and what has ended have no memory', () => {
  expect(parseStatus('Name:\ta b\nUid:\t5\t6\t7\t8\nVmSize:\t  9 kB\n')).toEqual({
    name: 'a b',
    uid: 5,
    isKernelThread: false,
  });
  expect(parseStatus('Name:\tkthreadd\nUid:\t0\t0\t0\t0\n')?.isKernelThread).toBe(true);
  expect(parseStatus('')).toBeNull();
});
