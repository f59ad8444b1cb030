/** Images of the generators beside dracut, with our hooks, as they are made: each boots a deployment of ours. */
import fs from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { boot, reportOf } from './boot.ts';
import { BOOKWORM } from './debian-suite.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import { ourDisk } from './disks.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt, writableIn } from './guest-report.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { mkinitcpioFunctionsImage, mkinitcpioImage, MKINITCPIO_SOURCE } from './mkinitcpio-image.ts';
import { mkinitramfsImage } from './mkinitramfs-image.ts';

/** Of the machine that makes the image: the hook puts it in. */
const CONFIG = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n';

let kernel: Kernel;
let disk: DeployedDisk;
beforeAll(async () => {
  kernel = await distributionKernel(BOOKWORM);
  disk = await ourDisk(kernel);
});

async function bootImage(name: string, image: string): Promise<GuestReport> {
  const commandLine = `${disk.entries[0]?.options ?? ''} rootfstype=ext4`;
  const initramfs = [fs.readFileSync(image)];
  const machine = { kernel, disk: disk.disk, commandLine, memory: 1024, until: /\(initramfs\)|Kernel panic/ };
  return reportOf(await boot({ ...machine, name, initramfs }));
}

function expectDeployment(report: GuestReport): void {
  expect(report.facts.get('os')).toBe('small 2');
  expect(writableIn(report)).toEqual(['/etc', '/var', '/boot']);
  expect(mountAt(report, '/etc')?.type).toBe('overlay');
  expect(report.booted?.toString('latin1')).toContain('transient-etc');
}

test('mkinitramfs of initramfs-tools', async () => {
  expectDeployment(await bootImage('mkinitramfs', await mkinitramfsImage(kernel, CONFIG)));
});

test('our hook of mkinitcpio, by functions as its manual page describes them', async () => {
  const image = await mkinitcpioFunctionsImage(kernel, CONFIG);
  expectDeployment(await bootImage('mkinitcpio-functions', image));
});

/** Debian has no mkinitcpio: who has its source names it, docs/hacking.md. */
const source = MKINITCPIO_SOURCE;
if (source !== undefined) {
  test(`mkinitcpio from ${source}`, async () => {
    expectDeployment(await bootImage('mkinitcpio', await mkinitcpioImage(kernel, CONFIG, source)));
  });
}
