/** Debian's systemd as the deployed system, from an initramfs that dracut made with our module, to multi-user.target. */
import fs from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { boot, reportOf } from './boot.ts';
import { cProgram2022, cProgramNewest } from './boot-programs.ts';
import { handedOver } from './comparable.ts';
import { BOOKWORM } from './debian-suite.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import { deployedInitramfs } from './disk-image.ts';
import { systemdDisk } from './disks.ts';
import { dracutInitramfs } from './dracut-initramfs.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt } from './guest-report.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';

const CONFIG = '[sysroot]\nreadonly=true\n';

/** systemd's dracut waits in an emergency shell where it cannot go on. */
const FAILED = /Failed to start .*ostree-prepare-root\.service|emergency mode|Kernel panic/;

let kernel: Kernel;
let disk: DeployedDisk;
let initramfs: Buffer;
let ours: GuestReport;

beforeAll(async () => {
  kernel = await distributionKernel(BOOKWORM);
  const file = await dracutInitramfs('compact', { kernel, program: 'compact', config: CONFIG });
  disk = await systemdDisk(kernel, file);
  initramfs = await deployedInitramfs(disk.disk, disk.entries[0]);
});

/** Boots the deployed initramfs with parts laid over it. */
async function bootSystemd(name: string, parts: readonly InitramfsPart[]): Promise<GuestReport> {
  const commandLine = disk.entries[0]?.options ?? '';
  const machine = {
    kernel,
    disk: disk.disk,
    commandLine,
    memory: 1024,
    // systemd gives up on what takes too long by its clock.
    countInstructions: true,
    limit: 1000,
    until: FAILED,
  };
  const report = reportOf(await boot({ ...machine, name, initramfs: parts }));
  const seconds = Number(report.facts.get('switched-root')) / 1e6;
  process.stdout.write(`kernel start to switch-root, ${name}: ${seconds.toFixed(2)} s\n`);
  return report;
}

function expectMultiUser(report: GuestReport): void {
  expect(report.facts.get('init')).toBe('systemd');
  expect(report.facts.get('multi-user')).toBe('active');
  expect(report.facts.get('failed-units')).toBe('');
  expect(report.writable.get('/sysroot')).toBe(false);
  expect(report.writable.get('/usr')).toBe(false);
  expect(report.writable.get('/etc')).toBe(true);
  expect(report.writable.get('/var')).toBe(true);
  expect(mountAt(report, '/var')?.root).toBe('/ostree/deploy/debian/var');
}

test('the compact executable, to multi-user.target', async () => {
  ours = await bootSystemd('systemd-compact', [initramfs]);
  expectMultiUser(ours);
});

test('the newest C program in the same image hands over the same system', async () => {
  const theirs = await bootSystemd('systemd-c-newest', [initramfs, await cProgramNewest()]);
  expect(handedOver(ours)).toEqual(handedOver(theirs));
});

test('the C program of Debian 12 in the same image', async () => {
  const theirs = await bootSystemd('systemd-c-2022', [initramfs, await cProgram2022()]);
  expect(theirs.facts.get('multi-user')).toBe('active');
});

test('the executable with Node inside, by the option of the module', async () => {
  const file = await dracutInitramfs('node', { kernel, program: 'node', config: CONFIG });
  const report = await bootSystemd('systemd-node', [fs.readFileSync(file)]);
  expectMultiUser(report);
  expect(handedOver(report)).toEqual(handedOver(ours));
});
