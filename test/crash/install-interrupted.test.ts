/** Whatever stops an installation: the system is wholly as before or wholly new, and the next run clears up. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BASE_REF,
  deploymentsOf,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  publish,
  runProgram,
  startYumOstree,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

/** Milliseconds after the start; an undisturbed run takes about 400 to 900 on the machines this is for. */
const MOMENTS = [100, 240, 330, 400, 480, 560, 700, 900];

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  const data = Array.from({ length: 200 }, (_, i) => ({
    path: `/usr/share/many/${i % 20}/file-${i}`,
    content: `${i}\n`.repeat(500),
  }));
  publish(system, [
    { name: 'many', files: data },
    { name: 'scripted', post: 'sleep 0.2; echo x > /usr/share/scripted', requires: ['many'] },
    ...Array.from({ length: 4 }, (_, i) => ({ name: `short-${i}`, pre: 'true', post: 'true' })),
    { name: 'hanging', post: 'echo waiting; sleep 600' },
    { name: 'damaged', files: [{ path: '/usr/share/damaged', content: 'x'.repeat(100_000) }] },
  ]);
});

afterAll(() => system.remove());

/** The whole state that an interruption may not leave half way. */
function stateOf(): string {
  const entries = path.join(system.sysroot, 'boot/loader/entries');
  const texts = fs.readdirSync(entries).map((name) => fs.readFileSync(path.join(entries, name), 'utf8'));
  return JSON.stringify([deploymentsOf(system), texts, originOf(system)]);
}

function leftovers(): string[] {
  const staging = fs.readdirSync(path.join(system.repo, 'tmp')).filter((name) => name.startsWith('staging-'));
  const places = fs
    .readdirSync(path.join(system.sysroot, 'ostree/deploy/test'))
    .filter((name) => name !== 'deploy' && name !== 'var' && name !== 'backing');
  return [...staging, ...places];
}

test.each([
  ['SIGKILL', 'scripted'],
  ['SIGINT', 'scripted'],
] as const)('%s at any moment of installing %s', async (signal, name) => {
  const before = stateOf();
  let finished = 0;
  for (const moment of MOMENTS) {
    const child = startYumOstree(system, ['install', '-q', name]);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const timer = setTimeout(() => child.kill(signal), moment);
    const code = await ended;
    clearTimeout(timer);
    const after = stateOf();
    fsckClean(system);
    if (after === before) {
      expect(code === null || code === 130, `ended with ${code} after ${moment} ms`).toBe(true);
      continue;
    }
    finished++;
    expect(firstDeployment(system)['tree-name']).toBe(`${BASE_REF}+${name}`);
    yumOstreeOk(system, ['uninstall', name]);
    expect(leftovers()).toEqual([]);
    yumOstreeOk(system, ['rollback']);
    yumOstreeOk(system, ['rollback']);
    expect(firstDeployment(system).checksum).toBe(system.base);
    break;
  }
  if (finished === 0) yumOstreeOk(system, ['install', name]);
  if (finished === 0) yumOstreeOk(system, ['uninstall', name]);
  yumOstreeOk(system, ['cleanup']);
  expect(leftovers()).toEqual([]);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('SIGINT while the sandbox of a script starts or ends: the run ends, and nothing is left', async () => {
  const before = stateOf();
  const names = [0, 1, 2, 3].map((i) => `short-${i}`);
  for (const moment of [0, 1, 2, 3, 4, 6, 8, 12, 20, 35]) {
    const child = startYumOstree(system, ['install', ...names]);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      if (!text.includes('Running') && piece.includes('Running'))
        setTimeout(() => child.kill('SIGINT'), moment);
      text += piece;
    });
    expect(await ended, text).toBe(130);
    expect(leftovers()).toEqual([]);
  }
  expect(stateOf()).toBe(before);
  fsckClean(system);
}, 60_000);

test('a truncated and a corrupted package are refused by name, and nothing changes', () => {
  const before = stateOf();
  const file = path.join(system.packages, 'damaged-1.0-1.noarch.rpm');
  const good = fs.readFileSync(file);
  fs.writeFileSync(file, good.subarray(0, good.length - 100));
  const truncated = yumOstree(system, ['install', '-q', 'damaged']);
  expect(truncated.stderr).toMatch(/^error: .*damaged-1\.0-1\.noarch/);
  expect(truncated.status).toBe(1);
  const bad = Buffer.from(good);
  bad[bad.length - 50] = (bad[bad.length - 50] ?? 0) ^ 0xff;
  fs.writeFileSync(file, bad);
  expect(yumOstree(system, ['install', '-q', 'damaged']).stderr).toMatch(/^error: .*damaged-1\.0-1\.noarch/);
  // As a file of the command line no metadata vouches for it: its own digests do.
  const local = yumOstree(system, ['install', '-q', file]);
  expect(local.stderr).toMatch(/^error: .*damaged/);
  expect(local.status).toBe(1);
  fs.writeFileSync(file, good);
  expect(stateOf()).toBe(before);
  fsckClean(system);
  yumOstreeOk(system, ['install', 'damaged']);
  yumOstreeOk(system, ['uninstall', 'damaged']);
});

test('a second process says who is at work, or waits', async () => {
  const first = startYumOstree(system, ['install', '-v', 'hanging']);
  const ended = new Promise<void>((resolve) => first.on('close', () => resolve()));
  await new Promise<void>((resolve) => {
    first.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('waiting')) resolve();
    });
    first.on('close', () => resolve());
  });
  const second = yumOstree(system, ['install', '-q', 'many']);
  expect(second.stderr).toContain(`process ${first.pid ?? 0}`);
  expect(second.status).toBe(1);
  const third = startYumOstree(system, ['install', '--wait=60', 'many']);
  const status = new Promise<number | null>((resolve) => third.on('close', resolve));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  first.kill('SIGTERM');
  await ended;
  expect(await status).toBe(0);
  expect(firstDeployment(system)['tree-name']).toBe(`${BASE_REF}+many`);
  yumOstreeOk(system, ['uninstall', 'many']);
  fsckClean(system);
});

test('a full disk at any step: one clear error, nothing changed, and it works once there is room', () => {
  const used = onSmallDisk((small, mount) => {
    const before = fs.statfsSync(mount).ffree;
    yumOstreeOk(small, ['install', 'scripted']);
    return before - fs.statfsSync(mount).ffree;
  });
  for (const share of [0.3, 0.85, 0.97])
    onSmallDisk((small, mount) => {
      takeInodes(mount, Math.floor(used * share));
      const before = JSON.stringify(deploymentsOf(small));
      const { status, stderr } = yumOstree(small, ['install', '-q', 'scripted']);
      expect(stderr).toMatch(/^error: .*(No space left|no space left|full)/);
      expect(status).toBe(1);
      expect(JSON.stringify(deploymentsOf(small))).toBe(before);
      fsckClean(small);
      fs.rmSync(path.join(mount, 'taken'), { recursive: true });
      yumOstreeOk(small, ['install', 'scripted']);
      fsckClean(small);
    });
});

/** A system with the same packages on a file system of its own, where files (not bytes) run out first. */
function onSmallDisk<T>(action: (small: TestSystem, mount: string) => T): T {
  const image = fs.mkdtempSync('/var/tmp/yum-ostree-full-');
  const disk = path.join(image, 'disk');
  const mount = path.join(image, 'mount');
  fs.mkdirSync(mount);
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, 256 * 1024 * 1024);
  runProgram('mkfs.ext4', ['-q', '-F', '-N', '4096', disk]);
  runProgram('mount', ['-o', 'loop', disk, mount]);
  try {
    const small = makeTestSystem(mount);
    fs.cpSync(system.packages, small.packages, { recursive: true });
    return action(small, mount);
  } finally {
    runProgram('umount', ['-l', mount]);
    fs.rmSync(image, { recursive: true, force: true });
  }
}

/** Leaves so many inodes free on a file system. */
function takeInodes(mount: string, spare: number): void {
  const taken = path.join(mount, 'taken');
  fs.mkdirSync(taken);
  for (let free = fs.statfsSync(mount).ffree; free > spare; free--)
    fs.writeFileSync(path.join(taken, String(free)), '');
}
