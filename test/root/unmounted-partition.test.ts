/** The partition of systemd-boot, unmounted after it was used: what would go into the empty mount point is refused. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import { bootNext } from '#bootloader/next-boot.ts';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { closeSysroot, openSysroot } from '#ostree/sysroot/sysroot.ts';
import { callsWithFat } from '#test/fixtures/fat-calls.ts';
import { FatDisk } from '#test/fixtures/fat-disk.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

const scratches: string[] = [];
const mounted: string[] = [];
afterEach(() => {
  for (const target of mounted.splice(0)) run('umount', [target]);
  for (const folder of scratches.splice(0)) removeScratch(folder);
});

async function makeSysroot(): Promise<string> {
  const folder = makeScratch();
  scratches.push(folder);
  const root = path.join(folder, 'root');
  fs.mkdirSync(path.join(root, 'efi'), { recursive: true });
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  for (const name of ['one', 'two', 'three'])
    commitTree(`${root}/ostree/repo`, `os/${name}`, { kernel: name });
  return root;
}

function configure(root: string, place: string): void {
  run('/usr/bin/ostree', ['config', `--repo=${root}/ostree/repo`, 'set', 'yum-ostree.boot-partition', place]);
}

/** Deployments, boot links, /boot and the mount point. */
function stateOf(root: string): string {
  return run('sh', [
    '-c',
    `cd ${root} && ls -d ostree/boot.* ostree/deploy/testos/deploy/* && ls -lR boot efi && readlink boot/loader`,
  ]);
}

async function refusesChanges(root: string): Promise<void> {
  const before = stateOf(root);
  for (const args of [
    ['deploy', '--os=testos', 'os/three'],
    ['switch', '--os=testos', 'os/three'],
    ['set-default', '1'],
    ['undeploy', '1'],
    ['instutil', 'set-kargs', 'quiet'],
    ['cleanup'],
  ])
    await expect(ourAdmin(root, args), args.join(' ')).rejects.toThrow(
      'the boot partition is not mounted at /efi',
    );
  expect(stateOf(root)).toBe(before);
  expect(fs.readdirSync(`${root}/efi`)).toEqual([]);
  expect(await ourAdmin(root, ['status'])).toContain('testos');
}

test('a configured place, mounted when it was written, has to be mounted from then on', async () => {
  const root = await makeSysroot();
  configure(root, '/efi');
  const image = path.join(path.dirname(root), 'image');
  run('truncate', ['-s', '16M', image]);
  run('mkfs.ext4', ['-q', image]);
  const mount = (): void => {
    run('mount', ['-o', 'loop', image, `${root}/efi`]);
    mounted.push(`${root}/efi`);
  };
  mount();
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  await ourAdmin(root, ['deploy', '--os=testos', '--retain', 'os/two']);
  for (const target of mounted.splice(0)) run('umount', [target]);
  await refusesChanges(root);
  mount();
  await ourAdmin(root, ['deploy', '--os=testos', 'os/three']);
  const entries = fs.globSync(`${root}/efi/loader/entries/yum-ostree-*`);
  const links = entries.map((file) => /ostree=(\S+)/.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? '');
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) expect(fs.existsSync(`${root}${link}/usr`)).toBe(true);
  for (const target of mounted.splice(0)) run('umount', [target]);
  configure(root, 'none');
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
});

test('an image that is built without mounts is written in its directory', async () => {
  const root = await makeSysroot();
  configure(root, '/efi');
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/two']);
  expect(fs.globSync(`${root}/efi/loader/entries/yum-ostree-*`).length).toBeGreaterThan(0);
});

test('a partition that was found by itself has to be mounted from then on', async () => {
  const root = await makeSysroot();
  const image = path.join(path.dirname(root), 'fat.img');
  run('truncate', ['-s', '34M', image]);
  run('mkfs.vfat', ['-F', '32', '-s', '1', image]);
  run('mmd', ['-i', image, '::/EFI', '::/EFI/systemd']);
  const calls = callsWithFat(new FatDisk(image), 'efi');
  for (const name of ['one', 'two']) {
    const sysroot = openSysroot(calls, root, { opts: [], debug: ['mutable-deployments'] });
    try {
      const [merge = null] = sysroot.deployments;
      const checksum = resolveRev(sysroot.repo, `os/${name}`);
      const request = { stateroot: 'testos', checksum, origin: refspecOrigin(`os/${name}`), merge };
      bootNext(sysroot, { new: deployTree(sysroot, request), merge });
    } finally {
      closeSysroot(sysroot);
    }
  }
  await refusesChanges(root);
});

test('on the running machine a configured place is a mount point, whether it was used before or not', async () => {
  const root = await makeSysroot();
  configure(root, '/efi');
  const sysroot = openSysroot(loadSyscalls(), root, { opts: [], debug: [] });
  const real = sysroot.sys;
  // What only a booted system has, and its root.
  const running: Pick<typeof real, 'stat' | 'lstat'> = {
    stat: (dir, file) => real.stat(dir, dir === AT_FDCWD && file === '/' ? root : file),
    lstat: (dir, file) => real.lstat(dir, dir === AT_FDCWD && file === '/run/ostree-booted' ? root : file),
  };
  const sys = new Proxy(real, {
    get: (target, name): unknown => Reflect.get(name === 'stat' || name === 'lstat' ? running : target, name),
  });
  try {
    expect(mountedPartitionOf(sysroot)).toBe('efi');
    expect(() => mountedPartitionOf({ ...sysroot, sys })).toThrow(
      'the boot partition is not mounted at /efi',
    );
    run('mount', ['-t', 'tmpfs', 'none', `${root}/efi`]);
    mounted.push(`${root}/efi`);
    expect(mountedPartitionOf({ ...sysroot, sys })).toBe('efi');
  } finally {
    closeSysroot(sysroot);
  }
});
