/** A boot partition of systemd-boot on which old and new kernels do not fit side by side. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installKernels } from '#bootloader/install-kernel.ts';
import { bootNext } from '#bootloader/next-boot.ts';
import { readBootFacts, requireRoomForList } from '#bootloader/write-entries.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { closeSysroot, openSysroot } from '#ostree/sysroot/sysroot.ts';
import { callsWithFat } from '#test/fixtures/fat-calls.ts';
import { FatDisk } from '#test/fixtures/fat-disk.ts';
import { readPartition, type ReadPartition } from '#test/fixtures/systemd-boot-reader.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

const MEGABYTE = 2 ** 20;
const FILLER = 28 * MEGABYTE;

let scratch: string;
let root: string;
let disk: FatDisk;
beforeAll(async () => {
  scratch = makeScratch();
  root = path.join(scratch, 'root');
  fs.mkdirSync(path.join(root, 'efi'), { recursive: true });
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  run('/usr/bin/ostree', [
    `--repo=${root}/ostree/repo`,
    'config',
    'set',
    'yum-ostree.boot-partition',
    '/efi',
  ]);
  for (const [name, size] of [
    ['one', 2],
    ['two', 2],
    ['three', 2],
    ['large', 5],
  ] as const)
    commitTree(`${root}/ostree/repo`, `os/${name}`, {
      version: name,
      kernel: name.padEnd(size * MEGABYTE, '.'),
    });
  const image = path.join(scratch, 'empty.img');
  run('truncate', ['-s', '34M', image]);
  run('mkfs.vfat', ['-F', '32', '-s', '1', image]);
  fs.writeFileSync(path.join(scratch, 'filler'), Buffer.alloc(FILLER, 'f'));
  run('mcopy', ['-i', image, path.join(scratch, 'filler'), '::/filler']);
  disk = new FatDisk(image);
  deploy('one');
  deploy('two');
});
afterAll(() => {
  removeScratch(scratch);
});

function deploy(name: string): void {
  const sysroot = openSysroot(callsWithFat(disk, 'efi'), root, { opts: [], debug: ['mutable-deployments'] });
  try {
    const [merge = null] = sysroot.deployments;
    const checksum = resolveRev(sysroot.repo, `os/${name}`);
    const request = { stateroot: 'testos', checksum, origin: refspecOrigin(`os/${name}`), merge };
    bootNext(sysroot, { new: deployTree(sysroot, request), merge });
  } finally {
    closeSysroot(sysroot);
  }
}

/** As a deployment that is staged is looked at before it is. */
function requireRoom(name: string): void {
  const sysroot = openSysroot(callsWithFat(disk, 'efi'), root, { opts: [], debug: ['mutable-deployments'] });
  const boot = sysroot.sys.open(sysroot.fd, 'boot', ['read', 'directory']);
  try {
    const [merge = null] = sysroot.deployments;
    const checksum = resolveRev(sysroot.repo, `os/${name}`);
    const request = { stateroot: 'testos', checksum, origin: refspecOrigin(`os/${name}`), merge };
    const fresh = deployTree(sysroot, request);
    installKernels(sysroot, [readBootFacts(sysroot, fresh)], boot);
    requireRoomForList(sysroot, merge === null ? [fresh] : [fresh, merge]);
  } finally {
    sysroot.sys.close(boot);
    closeSysroot(sysroot);
  }
}

function read(): ReadPartition {
  const file = path.join(scratch, 'now.img');
  fs.writeFileSync(file, disk.image);
  run('fsck.fat', ['-n', file]);
  return readPartition(file, path.join(scratch, 'read'));
}

function kernelsOf({ entries, file }: ReadPartition): string[] {
  return entries.map(({ values }) => (file(values.get('linux') ?? '')?.toString() ?? '').split('.')[0] ?? '');
}

test('what goes anyway makes room for what comes', () => {
  disk.flush();
  expect(kernelsOf(read())).toEqual(['two', 'one']);
  deploy('three');
  disk.flush();
  const after = read();
  expect(kernelsOf(after)).toEqual(['three', 'two']);
  expect(after.file('filler')).toHaveLength(FILLER);
  expect(fs.readdirSync(path.join(scratch, 'read/ostree'))).toHaveLength(2);
});

test('where that is not enough nothing goes, and the error says how much is missing', () => {
  const before = Buffer.from(disk.image);
  expect(() => {
    deploy('large');
  }).toThrow(/\/efi has room for \d+\.\d MB, the new kernel files need 5\.\d MB, and 1\.0 MB are kept free/);
  expect(() => {
    requireRoom('large');
  }).toThrow(/\/efi has room for \d+\.\d MB, the new kernel files need 5\.\d MB, and 1\.0 MB are kept free/);
  requireRoom('one');
  expect(disk.image.equals(before)).toBe(true);
  expect(kernelsOf(read())).toEqual(['three', 'two']);
  deploy('one');
  disk.flush();
  expect(kernelsOf(read())).toEqual(['one', 'three']);
});
