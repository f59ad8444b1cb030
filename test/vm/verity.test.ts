/** Boots of composefs images that fs-verity and signatures protect, under a kernel that has both; and what is refused. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BootResult } from './boot.ts';
import { boot, reportOf } from './boot.ts';
import { cProgramNewest, newestOstree, ourProgram } from './boot-programs.ts';
import { strangersKey } from './commit-signature.ts';
import { comparable } from './comparable.ts';
import { TRIXIE } from './debian-suite.ts';
import { mountAt } from './guest-report.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { configPart, filesPart, foreignProgram, ownProgram } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';
import type { VerityDisk } from './verity-disk.ts';
import { CHECKED, verityDisk } from './verity-disk.ts';

const VERITY = configPart('[composefs]\nenabled=verity\n');
const SIGNED = configPart('[composefs]\nenabled=signed\n');
const IMAGE = 'cd /sysroot/ostree/deploy/small/deploy/*/ && chattr -i . &&';
const REPLACE = '/bin/busybox cp .ostree.cfs new && /bin/busybox mv new .ostree.cfs';

let kernel: Kernel;
let disk: VerityDisk;
let mini: InitramfsPart;
let folder = '';
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vm-keys-'));
  kernel = await distributionKernel(TRIXIE);
  disk = await verityDisk(kernel);
  mini = await miniInitramfs(kernel);
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

async function bootWith(name: string, parts: readonly InitramfsPart[]): Promise<BootResult> {
  const commandLine = disk.entries[0]?.options ?? '';
  return await boot({
    name,
    kernel,
    initramfs: [mini, ...parts],
    disk: disk.disk,
    commandLine,
    memory: 1024,
  });
}

function keyPart(key: string): InitramfsPart {
  return filesPart([{ name: 'etc/ostree/initramfs-root-binding.key', text: `${key}\n` }]);
}

/** What somebody does to the disk who can write it; `fsverity` and `chattr` are there. */
async function tampering(script: string): Promise<InitramfsPart> {
  const tools = await Promise.all([
    foreignProgram(await newestOstree(), 'usr/bin/fsverity', 'usr/bin/fsverity'),
    ownProgram('/usr/bin/chattr', 'usr/bin/chattr'),
  ]);
  const text = `PATH=/usr/bin; ${script} && echo @@tampered; cd /\n`;
  return filesPart([...tools.flat(), { name: 'before.sh', text }]);
}

function expectRefused(result: BootResult, message: string): void {
  expect(result.report).toBeNull();
  expect(result.console).toContain('@@prepared code=1 ');
  expect(result.console).toContain(`ostree-prepare-root: Failed to mount composefs: ${message}\n`);
}

test('verity: the same system as with the newest C program', async () => {
  const theirs = reportOf(await bootWith('verity-c', [await cProgramNewest(), VERITY]));
  const ours = reportOf(await bootWith('verity-ours', [await ourProgram(), VERITY]));
  expect(comparable(ours)).toEqual(comparable(theirs));
  expect(mountAt(ours, '/')?.superOptions).toContain('verity=require');
  expect(ours.booted?.toString('latin1')).toContain('composefs.verity');
  expect(ours.facts.get('checked')).toBe(CHECKED);
});

test('verity: a file whose object was replaced is not read', async () => {
  const objects = "objects=$(/bin/busybox grep -ls '^as it was' /sysroot/ostree/repo/objects/*/*.file)";
  const replace = '/bin/busybox rm $objects && echo as it was not > $objects';
  const parts = [await ourProgram(), VERITY, await tampering(`${objects}; ${replace}`)];
  const result = await bootWith('verity-object', parts);
  expect(result.console).toContain('@@tampered');
  expect(reportOf(result).facts.get('checked')).toMatch(/Input\/output error$/);
});

test('signed: the commit has a signature by the key of the initramfs', async () => {
  const parts = [await ourProgram(), SIGNED, keyPart(disk.publicKey)];
  const report = reportOf(await bootWith('signed', parts));
  expect(report.booted?.toString('latin1')).toContain('composefs.signed');
  expect(mountAt(report, '/')?.superOptions).toContain('verity=require');
  expect(report.facts.get('checked')).toBe(CHECKED);
});

test('signed by another key: refused', async () => {
  const parts = [await ourProgram(), SIGNED, keyPart(await strangersKey(folder))];
  expectRefused(
    await bootWith('signed-wrong-key', parts),
    'Checking commit signature: No valid (of 1) signatures found',
  );
});

test('signed, another image with a digest of its own: refused', async () => {
  const change = 'echo altered >> .ostree.cfs && fsverity enable .ostree.cfs';
  const parts = [await ourProgram(), SIGNED, keyPart(disk.publicKey)];
  const tamper = await tampering(`${IMAGE} ${REPLACE} && ${change}`);
  const result = await bootWith('signed-wrong-digest', [...parts, tamper]);
  expect(result.console).toContain('@@tampered');
  expectRefused(result, 'composefs: Wrong fsverity digest in composefs image');
});

test('signed, the image without fs-verity: refused', async () => {
  const parts = [await ourProgram(), SIGNED, keyPart(disk.publicKey)];
  const result = await bootWith('signed-no-digest', [...parts, await tampering(`${IMAGE} ${REPLACE}`)]);
  expect(result.console).toContain('@@tampered');
  expectRefused(result, 'composefs: fsverity not enabled on composefs image');
});
