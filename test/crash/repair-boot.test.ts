/** A repair of the boot menu that dies before any of its system calls makes nothing worse, and the next one ends it. */
import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBootView } from '#bootloader/boot-view.ts';
import { bootProblems } from '#bootloader/check-boot.ts';
import { repairBoot } from '#bootloader/repair-boot.ts';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { copyOf, makePattern } from '../root/board-program.ts';
import { makeScratch, removeScratch, theirAdmin } from '../root/sysroot-fixture.ts';
import { dyingAfter } from './dying-calls.ts';

let scratch: string;
beforeAll(() => {
  // Hundreds of syncs: in memory, where there is such a file system.
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
});
afterAll(() => {
  removeScratch(scratch);
});

function repair(sys: Syscalls, sysroot: string): void {
  const fd = sys.open(AT_FDCWD, sysroot, ['read', 'directory']);
  try {
    repairBoot({ sys, fd, path: sysroot });
  } finally {
    sys.close(fd);
  }
}

/** What is wrong. Without /boot/loader nothing behind it is looked at: for this it leads to the side that has entries. */
function problemsOf(sysroot: string): string[] {
  const sys = loadSyscalls();
  const fd = sys.open(AT_FDCWD, sysroot, ['read', 'directory']);
  const place = { sys, fd, path: sysroot };
  const { bootversion, sides } = readBootView(place);
  const loader = `${sysroot}/boot/loader`;
  if (bootversion === null) fs.symlinkSync(`loader.${sides[0] ?? 0}`, loader);
  try {
    return bootProblems(readBootView(place)).map(({ where, what }) => `${where}: ${what}`);
  } finally {
    if (bootversion === null) fs.rmSync(loader);
    sys.close(fd);
  }
}

test('a boot link, a kernel and /boot/loader are gone', () => {
  const pattern = makePattern(scratch);
  const damaged = copyOf(pattern.sysroot, 'damaged');
  const [link = ''] = fs.globSync(`${damaged}/ostree/boot.0.1/testos/*/0`);
  const [kernel = ''] = fs.globSync(`${damaged}/boot/ostree/*/vmlinuz-*`);
  for (const file of [link, kernel, `${damaged}/boot/loader`]) fs.rmSync(file);
  const before = problemsOf(damaged);
  expect(before.length).toBeGreaterThanOrEqual(2);

  const whole = copyOf(damaged, 'whole');
  const counted = dyingAfter(Infinity);
  repair(counted.sys, whole);
  expect(problemsOf(whole)).toEqual([]);
  for (let limit = 0; limit < counted.calls.length; limit++) {
    const sysroot = copyOf(damaged, `after-${limit}`);
    expect(() => repair(dyingAfter(limit).sys, sysroot)).toThrow('died');
    const left = problemsOf(sysroot);
    expect(
      left.filter((problem) => !before.includes(problem)),
      counted.calls[limit],
    ).toEqual([]);
    repair(loadSyscalls(), sysroot);
    expect(problemsOf(sysroot), counted.calls[limit]).toEqual([]);
    expect(theirAdmin(sysroot, ['status'])).toBe(theirAdmin(pattern.sysroot, ['status']));
    removeScratch(sysroot);
  }
  process.stdout.write(`repair-boot: died at each of ${counted.calls.length} changes, 0 failures\n`);
});
