/** systemd leaves its root and goes on in another deployment, which our `ostree admin` has prepared; and the C one. */
import { beforeAll, expect, test } from 'vitest';
import { boot, reportOf } from './boot.ts';
import { ourProgram } from './boot-programs.ts';
import { handedOver } from './comparable.ts';
import { TRIXIE } from './debian-suite.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt } from './guest-report.ts';
import { configPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';
import { C_OSTREE, OUR_OSTREE, softRebootDisk } from './soft-reboot-disk.ts';

let kernel: Kernel;
let disk: DeployedDisk;
beforeAll(async () => {
  kernel = await distributionKernel(TRIXIE);
  disk = await softRebootDisk(kernel);
});

/** Boots version 1, which prepares version 2 with `ostree`; that reports. */
async function softReboot(name: string, ostree: string): Promise<GuestReport> {
  const initramfs = [
    await miniInitramfs(kernel),
    await ourProgram(),
    configPart('[composefs]\nenabled=yes\n'),
  ];
  const commandLine = `${disk.entries[1]?.options ?? ''} vm.ostree=${ostree}`;
  const machine = { kernel, initramfs, disk: disk.disk, commandLine, memory: 1024 };
  const until = /@@failed|emergency mode|Kernel panic/;
  // systemd gives up on what takes too long by its clock.
  return reportOf(await boot({ ...machine, name, until, countInstructions: true, limit: 1100 }));
}

let ours: GuestReport;
test('goes on in what we have prepared', async () => {
  ours = await softReboot('soft-reboot-ours', OUR_OSTREE);
  expect(ours.facts.get('os')).toBe('debian 2');
  expect(ours.facts.get('soft-reboots')).toBe('1');
  expect(ours.facts.get('multi-user')).toBe('active');
  expect(ours.facts.get('failed-units')).toBe('');
  expect(ours.facts.get('kept')).toBe('kept kept ');
  expect(mountAt(ours, '/var')?.root).toBe('/ostree/deploy/debian/var');
});

test('as in what the newest C ostree has prepared', async () => {
  const theirs = await softReboot('soft-reboot-c', C_OSTREE);
  expect(ours.facts.get('left')).toBe(theirs.facts.get('left'));
  expect(handedOver(ours)).toEqual(handedOver(theirs));
});
