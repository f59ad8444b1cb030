import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { lockSysroot } from '#ostree/sysroot/lock.ts';

test.each([
  [0, 0],
  [1, 1],
])('waiting %i seconds for a lock that is not free is told of %i times', async (wait, times) => {
  const sys = loadSyscalls();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-lock-'));
  fs.mkdirSync(path.join(directory, 'ostree'));
  const sysroot = { sys, fd: sys.open(AT_FDCWD, directory, ['read', 'directory']), path: directory };
  const pause = (): Promise<void> => Promise.resolve();
  const held = await lockSysroot(sysroot, { wait: 0, pause });
  let told = 0;
  const second = lockSysroot(sysroot, { wait, pause, onWait: () => void (told += 1) });
  await expect(second).rejects.toHaveProperty('code', 'LOCKED');
  expect(told).toBe(times);
  for (const fd of [held, sysroot.fd]) sys.close(fd);
  fs.rmSync(directory, { recursive: true });
});
