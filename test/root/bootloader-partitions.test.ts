/** /boot as a file system of its own, and file systems that are full or cannot serve. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { writeDeployments } from '#bootloader/write-entries.ts';
import { loadSyscalls } from '#native/load.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { closeSysroot, openSysroot } from '#ostree/sysroot/sysroot.ts';
import { ok, ours, theirs } from './repo-fixture.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  snapshot,
  theirAdmin,
} from './sysroot-fixture.ts';

const mounted: string[] = [];
const scratches: string[] = [];

afterEach(() => {
  for (const target of mounted.splice(0).reverse()) run('umount', [target]);
  for (const folder of scratches.splice(0)) removeScratch(folder);
});

function scratch(): string {
  const folder = makeScratch();
  scratches.push(folder);
  return folder;
}

/** Mounts a new ext4 of so many MiB at `target`. */
function mountNew(target: string, megabytes: number): void {
  const image = path.join(scratch(), 'image');
  run('truncate', ['-s', `${megabytes}M`, image]);
  run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
  fs.mkdirSync(target, { recursive: true });
  run('mount', ['-o', 'loop', image, target]);
  mounted.push(target);
}

async function makeSysroot(root: string): Promise<void> {
  fs.mkdirSync(root, { recursive: true });
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
}

/** The system calls, with those named replaced; all calls are noted. */
function observed(replaced: Partial<RepoCalls> = {}): { sys: RepoCalls; calls: string[] } {
  const calls: string[] = [];
  const sys = new Proxy(loadSyscalls(), {
    get(target, name: string) {
      const real: unknown = Reflect.get({ ...replaced }, name) ?? Reflect.get(target, name);
      return (...args: unknown[]) => {
        calls.push(name);
        return (real as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { sys, calls };
}

test('kernels are copied to a separate /boot, once, and both programs read it', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(`${root}/boot`, 16);
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  commitTree(`${root}/ostree/repo`, 'os/two', { kernel: 'two' });
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  theirAdmin(root, ['deploy', '--os=testos', 'os/two']);
  await ourAdmin(root, ['deploy', '--os=testos', '--retain', 'os/one']);
  expect(theirAdmin(root, ['status'])).toBe(await ourAdmin(root, ['status']));
  const kernels = run('find', [`${root}/boot/ostree`, '-name', 'vmlinuz-*', '-links', '1'])
    .trim()
    .split('\n');
  expect(kernels.map((file) => fs.readFileSync(file, 'utf8')).sort()).toEqual(['kernel', 'two']);
});

test('a separate /boot is frozen and thawed around the switch, and synced otherwise', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(`${root}/boot`, 16);
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  const { sys, calls } = observed();
  const sysroot = openSysroot(sys, root);
  const changed = sysroot.deployments.map((one) => ({ ...one, kargs: [...one.kargs, 'changed'] }));
  calls.length = 0;
  writeDeployments(sysroot, changed);
  closeSysroot(sysroot);
  const order = calls.filter((name) => ['syncfs', 'fsync', 'fdatasync', 'freezeThaw'].includes(name));
  expect(order).toEqual(['syncfs', 'freezeThaw', 'freezeThaw']);
});

test('a /boot that was frozen when the program died is thawed', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(`${root}/boot`, 16);
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  const { sys, calls } = observed({
    freezeThaw: (fd, how) => {
      calls.push(how);
      loadSyscalls().freezeThaw(fd, how);
    },
  });
  const sysroot = openSysroot(sys, root, { opts: [], debug: ['test-fifreeze'] });
  const request = { stateroot: 'testos', checksum: resolveRev(sysroot.repo, 'os/one'), merge: null };
  const fresh = deployTree(sysroot, { ...request, origin: refspecOrigin('os/one') });
  expect(() => writeDeployments(sysroot, [fresh])).toThrow('aborting due to test-fifreeze');
  closeSysroot(sysroot);
  expect(calls).toContain('dies-between');
  // It would wait for ever.
  run('timeout', ['10', 'touch', `${root}/boot/written`]);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
});

test('a /boot without room is an error with numbers, before anything is written there', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(`${root}/boot`, 4);
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  commitTree(`${root}/ostree/repo`, 'os/big', { kernel: 'k'.repeat(6_000_000) });
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  const before = snapshot(root, ['boot/ostree', 'boot/loader', 'boot/loader.1']);
  await expect(ourAdmin(root, ['deploy', '--os=testos', 'os/big'])).rejects.toThrow(
    /boot has [0-9.]+ MB free, the new kernel files need 6\.[0-9] MB, and 1\.0 MB are kept free/,
  );
  expect(snapshot(root, ['boot/ostree', 'boot/loader', 'boot/loader.1'])).toEqual(before);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  expect(await ourAdmin(root, ['status'])).toBe(theirAdmin(root, ['status']));
});

test('vfat is refused', async () => {
  const root = path.join(scratch(), 'root');
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  const real = loadSyscalls();
  const { sys } = observed({ statfs: (fd) => ({ ...real.statfs(fd), type: 0x4d44 }) });
  const sysroot = openSysroot(sys, root);
  expect(() => writeDeployments(sysroot, [])).toThrow('/boot cannot currently be a vfat filesystem');
  closeSysroot(sysroot);
  expect(await ourAdmin(root, ['status'])).toContain('testos');
});

test('a full disk while deploying leaves the old list and nothing else', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(root, 24);
  await makeSysroot(root);
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`usr/etc/big/${at}`, `${at}`.repeat(40_000)]),
  );
  commitTree(`${root}/ostree/repo`, 'os/one', { files });
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  const free = fs.statfsSync(root);
  fs.writeFileSync(`${root}/filler`, Buffer.alloc(free.bavail * free.bsize - 400_000));
  const before = snapshot(root, ['boot', 'ostree/deploy', 'ostree/boot.1', 'ostree/boot.1.1']);
  await expect(ourAdmin(root, ['deploy', '--os=testos', 'os/one'])).rejects.toMatchObject({
    code: 'NO_SPACE',
  });
  expect(snapshot(root, ['boot', 'ostree/deploy', 'ostree/boot.1', 'ostree/boot.1.1'])).toEqual(before);
  fs.rmSync(`${root}/filler`);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  run('/usr/bin/ostree', ['fsck', `--repo=${root}/ostree/repo`]);
});

test('a deployment that does not fit is refused before anything is made, with the numbers', async () => {
  const root = path.join(scratch(), 'root');
  mountNew(root, 24);
  await makeSysroot(root);
  commitTree(`${root}/ostree/repo`, 'os/one');
  const large = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`usr/etc/many/${at}/x`, 'x']));
  commitTree(`${root}/ostree/repo`, 'os/two', { files: large });
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
  run('sh', ['-c', `head -c 100M /dev/zero > ${root}/filler 2> /dev/null; truncate -s -1M ${root}/filler`]);
  const before = snapshot(root, ['ostree', 'boot']);
  // Twice 300 directories and as many files, in blocks of 1024 bytes, and 1 MiB; 1 MiB is free.
  await expect(ourAdmin(root, ['deploy', '--os=testos', 'os/two'])).rejects.toThrow(
    /root has 1\.\d MB free, the deployment needs 2\.\d MB \(3\d\d directories and a copy of \/etc\)/,
  );
  expect(snapshot(root, ['ostree', 'boot'])).toEqual(before);
  fs.rmSync(`${root}/filler`);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/two']);
  expect(theirAdmin(root, ['status'])).toContain('testos');
});

test('a pull that would take what is to be kept free is refused before anything is written', async () => {
  const folder = scratch();
  const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
  run('/usr/bin/ostree', [`--repo=${from}`, 'init', '--mode=bare']);
  const content = randomBytes(6_000_000).toString('hex');
  commitTree(from, 'os/large', { files: { 'usr/share/large': content } });
  mountNew(to, 24);
  run('/usr/bin/ostree', [`--repo=${to}`, 'init', '--mode=bare']);
  run('/usr/bin/ostree', [`--repo=${to}`, 'config', 'set', 'core.min-free-space-size', '15MB']);
  const pull = ['pull-local', `--repo=${to}`, from, 'os/large'];
  const before = snapshot(to, ['objects', 'refs', 'tmp']);
  expect((await ours(pull)).text).toMatch(
    /^error: min-free-space-size 15MB would be exceeded, at least 12\.\d MB requested, \d\.\d MB may be added to /,
  );
  expect(snapshot(to, ['objects', 'refs', 'tmp'])).toEqual(before);
  // The words are those that the C program has for a commit.
  fs.mkdirSync(path.join(folder, 'tree'));
  fs.writeFileSync(path.join(folder, 'tree/large'), content);
  const commit = ['commit', `--repo=${to}`, '-b', 'x', `--tree=dir=${folder}/tree`];
  expect(theirs(commit).text).toContain('min-free-space-size 15MB would be exceeded, at least 12.0');
  run('/usr/bin/ostree', [`--repo=${to}`, 'config', 'set', 'core.min-free-space-size', '1MB']);
  await ok(ours(pull));
  run('/usr/bin/ostree', [`--repo=${to}`, 'fsck', '--quiet']);
});
