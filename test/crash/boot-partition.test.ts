/**
 * Power cuts while the boot partition of systemd-boot is written. Of the sectors written since the last flush any part
 * is on the disk, each as any of its versions; what is left is read with mtools as systemd-boot reads it.
 */
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootList, bootNext } from '#bootloader/next-boot.ts';
import { settleBootPartition } from '#bootloader/write-entries.ts';
import { loadSyscalls } from '#native/load.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { deploymentName } from '#ostree/sysroot/deployment.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { closeSysroot, openSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { callsWithFat } from '#test/fixtures/fat-calls.ts';
import { FatDisk, SECTOR, type SectorWrite } from '#test/fixtures/fat-disk.ts';
import { readPartition, type ReadEntry, type ReadPartition } from '#test/fixtures/systemd-boot-reader.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from '../root/sysroot-fixture.ts';

const FOREIGN = 'title Other\nsort-key aaa\nlinux /other/linux\noptions quiet\n';
/** Other people's lines; ours is not added to them. */
const LOADER_CONF = '# mine\ntimeout 3\ndefault yum-ostree-*\n';
/** Longer than a sector: an entry's text is written in several. */
const LONG_ARGUMENT = `long=${'x'.repeat(700)}`;

let scratch: string;
beforeAll(() => {
  scratch = makeScratch(existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
});
afterAll(() => {
  removeScratch(scratch);
});

/** A FAT32 image with the files of another system. */
function makePartition(name: string, megabytes = 34): string {
  const image = path.join(scratch, name);
  run('truncate', ['-s', `${megabytes}M`, image]);
  run('mkfs.vfat', ['-F', '32', '-s', '1', image]);
  run('mmd', ['-i', image, '::/loader', '::/loader/entries', '::/other', '::/EFI']);
  for (const [target, text] of [
    ['::/loader/entries/other.conf', FOREIGN],
    ['::/loader/loader.conf', LOADER_CONF],
    ['::/other/linux', 'other kernel'],
  ] as const) {
    writeFileSync(path.join(scratch, 'file'), text);
    run('mcopy', ['-i', image, path.join(scratch, 'file'), target]);
  }
  return image;
}

async function makeSysroot(name: string): Promise<string> {
  const root = path.join(scratch, name);
  mkdirSync(path.join(root, 'efi'), { recursive: true });
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  const repo = `${root}/ostree/repo`;
  run('/usr/bin/ostree', [`--repo=${repo}`, 'config', 'set', 'yum-ostree.boot-partition', '/efi']);
  for (const ref of ['one', 'two', 'three']) {
    const kernel = `kernel of ${ref} ${ref.repeat(700)}`;
    commitTree(repo, `os/${ref}`, {
      version: ref,
      kernel,
      files: { 'usr/lib/modules/6.1.0/dtb/board.dtb': null },
    });
  }
  return root;
}

function inSysroot<T>(sys: RepoCalls, root: string, action: (sysroot: Sysroot) => T): T {
  const sysroot = openSysroot(sys, root, { opts: [], debug: ['mutable-deployments'] });
  try {
    return action(sysroot);
  } finally {
    closeSysroot(sysroot);
  }
}

function deploy(sys: RepoCalls, root: string, ref: string): void {
  inSysroot(sys, root, (sysroot) => {
    const checksum = resolveRev(sysroot.repo, `os/${ref}`);
    const merge = sysroot.deployments[0] ?? null;
    const kargs = { replaced: ['root=LABEL=x', LONG_ARGUMENT] };
    const fresh = deployTree(sysroot, {
      stateroot: 'testos',
      checksum,
      origin: refspecOrigin(`os/${ref}`),
      merge,
    });
    bootNext(sysroot, { new: { ...fresh, kargs: kargs.replaced }, merge, retainRollback: true });
  });
}

function rollBack(sys: RepoCalls, root: string): void {
  inSysroot(sys, root, (sysroot) => {
    const [first, second, ...rest] = sysroot.deployments;
    if (first !== undefined && second !== undefined) bootList(sysroot, [second, first, ...rest]);
  });
}

/** The machine at the end of a window: the root file system as it was then. */
interface Moment {
  readonly root: string;
}

interface Change {
  readonly disk: FatDisk;
  /** Before the first window, and after each. */
  readonly moments: readonly Moment[];
}

/** Runs a change, with a copy of the root file system at each flush of the partition. */
function observed(
  base: string,
  image: string,
  name: string,
  change: (sys: RepoCalls, root: string) => void,
): Change {
  const root = path.join(scratch, name);
  copy(base, root);
  const disk = new FatDisk(image);
  const moments: Moment[] = [{ root: base }];
  const keep = (): void => {
    const kept = path.join(scratch, `${name}-${moments.length}`);
    copy(root, kept);
    moments.push({ root: kept });
  };
  const plain = callsWithFat(disk, 'efi');
  const sys = new Proxy(plain, {
    get(target, property: string) {
      const real: unknown = Reflect.get(target, property);
      if (property !== 'fsync') return real;
      return (fd: number) => {
        (real as (fd: number) => void)(fd);
        if (fd >= 100_000_000) keep();
      };
    },
  });
  change(sys, root);
  keep();
  return { disk, moments };
}

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

/** Numbers that are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

/** What may be on the disk when the power goes in a window: each sector as any of its versions, or as it was before. */
function* tornStates(
  window: readonly SectorWrite[],
  random: () => number,
): Generator<readonly SectorWrite[]> {
  const sectors = [...new Set(window.map(({ sector }) => sector))];
  for (let length = 0; length <= window.length; length += 1 + Math.floor(window.length / 12))
    yield window.slice(0, length);
  yield window;
  for (const only of sectors.slice(0, 8)) {
    yield window.filter(({ sector }) => sector === only);
    yield window.filter(({ sector }) => sector !== only);
  }
  for (let tries = 0; tries < 15; tries++)
    yield sectors.flatMap((sector) => {
      const versions = window.filter((write) => write.sector === sector);
      return versions.slice(0, Math.floor(random() * (versions.length + 1)));
    });
}

class TornImage {
  readonly file: string;
  readonly #durable: Buffer;

  constructor(image: string, file: string) {
    this.file = file;
    this.#durable = readFileSync(image);
    writeFileSync(file, this.#durable);
  }

  /** Runs `action` with these writes on the disk. */
  with<T>(writes: readonly SectorWrite[], action: () => T): T {
    this.#put(writes);
    try {
      return action();
    } finally {
      this.#put(
        writes.map(({ sector }) => ({
          sector,
          bytes: this.#durable.subarray(sector * SECTOR, (sector + 1) * SECTOR),
        })),
      );
    }
  }

  keep(writes: readonly SectorWrite[]): void {
    for (const { sector, bytes } of writes) this.#durable.set(bytes, sector * SECTOR);
    this.#put(writes);
  }

  #put(writes: readonly SectorWrite[]): void {
    const fd = openSync(this.file, 'r+');
    for (const { sector, bytes } of writes) writeSync(fd, bytes, 0, SECTOR, sector * SECTOR);
    closeSync(fd);
  }
}

function ours({ entries }: ReadPartition): ReadEntry[] {
  return entries.filter(({ file }) => file.startsWith('yum-ostree-'));
}

/** The deployment that an entry boots: where its link leads, with the kernel and initramfs of that very tree. */
function bootedDeployment(root: string, read: ReadPartition, entry: ReadEntry): string {
  const link = /(?:^| )ostree=(\S+)/.exec(entry.values.get('options') ?? '')?.[1] ?? 'none';
  if (!existsSync(path.join(root, link))) return `${entry.file} dangles: ${link}`;
  const tree = realpathSync(path.join(root, link));
  const same = (name: string, file: string | undefined): boolean =>
    read.file(file ?? '')?.equals(readFileSync(path.join(tree, 'usr/lib/modules/6.1.0', name))) === true;
  if (!same('vmlinuz', entry.values.get('linux'))) return `${entry.file} has another kernel`;
  if (entry.initrds.length !== 1 || !same('initramfs.img', entry.initrds[0])) return 'another initramfs';
  if (entry.values.get('options')?.includes(LONG_ARGUMENT) !== true) return 'other arguments';
  return path.basename(tree);
}

function listOf(root: string): string[] {
  return inSysroot(loadSyscalls(), root, ({ deployments }) => deployments.map(deploymentName));
}

/** What must hold whatever happened: @returns what boots by default */
function expectWhole(read: ReadPartition, roots: readonly string[], kept: readonly string[]): string {
  expect(read.file('loader/entries/other.conf')?.toString()).toBe(FOREIGN);
  expect(read.file('loader/loader.conf')?.toString()).toBe(LOADER_CONF);
  const [deployments = [], ...others] = roots.map((root) =>
    ours(read).map((entry) => bootedDeployment(root, read, entry)),
  );
  for (const other of others) expect(other).toEqual(deployments);
  expect(deployments.filter((name) => !/^[0-9a-f]{64}\.\d$/.test(name))).toEqual([]);
  for (const name of kept) expect(deployments).toContain(name);
  expect(read.chosen).toBe(ours(read)[0]);
  return deployments[0] ?? '';
}

/** Tries every window of a change. @returns how many states, and some of them to go on from */
function tryPowerCuts(base: string, image: string, change: Change, random: () => number) {
  const final = change.moments.at(-1)?.root ?? base;
  const [before = [], after = []] = [base, final].map(listOf);
  const kept = before.filter((name) => after.includes(name));
  const torn = new TornImage(image, path.join(scratch, 'torn'));
  const left: { readonly root: string; readonly image: string }[] = [];
  const defaults: string[] = [];
  let count = 0;
  change.disk.windows.forEach((window, at) => {
    const [start, end] = [change.moments[at]?.root ?? base, change.moments[at + 1]?.root ?? final];
    for (const writes of tornStates(window, random)) {
      torn.with(writes, () => {
        const read = readPartition(torn.file, path.join(scratch, 'read'));
        const chosen = expectWhole(read, [start, end], kept);
        expect([before[0], after[0]]).toContain(chosen);
        defaults.push(chosen);
        if (count++ % 37 === 7) {
          const file = path.join(scratch, `left-${count}`);
          copyFileSync(torn.file, file);
          left.push({ root: start, image: file });
        }
      });
    }
    torn.keep(window);
  });
  // Once the new one booted by default, a later cut does not bring the old one back; but within one window both are.
  expect(defaults[0]).toBe(before[0]);
  expect(defaults.at(-1)).toBe(after[0]);
  return { count, left, after };
}

function finalState(disk: FatDisk): ReadPartition {
  const file = path.join(scratch, 'final');
  writeFileSync(file, disk.image);
  return readPartition(file, path.join(scratch, 'read'));
}

const random = randomNumbers(20);
let base = '';
let image = '';

beforeAll(async () => {
  const root = await makeSysroot('base');
  const empty = makePartition('empty.img');
  const disk = new FatDisk(empty);
  const sys = callsWithFat(disk, 'efi');
  deploy(sys, root, 'one');
  deploy(sys, root, 'two');
  base = root;
  image = path.join(scratch, 'base.img');
  disk.flush();
  writeFileSync(image, disk.image);
  // The file system that is written here is one for its checker too.
  run('fsck.fat', ['-n', image]);
  expectWhole(readPartition(image, path.join(scratch, 'read')), [base], listOf(base));
});

test.each<[string, (sys: RepoCalls, root: string) => void]>([
  [
    'a deploy',
    (sys, root) => {
      deploy(sys, root, 'three');
    },
  ],
  ['a rollback', rollBack],
])('%s is cut off at any sector', (name, action) => {
  const change = observed(base, image, name.replaceAll(' ', '-'), action);
  const { count, left, after } = tryPowerCuts(base, image, change, random);
  process.stdout.write(`${name}: ${change.disk.windows.length} flushes, ${count} states of the partition\n`);
  expect(count).toBeGreaterThan(90);
  expectWhole(finalState(change.disk), [change.moments.at(-1)?.root ?? ''], after);
  expect(left.length).toBeGreaterThan(2);
  for (const [index, state] of left.entries()) {
    const again = observed(
      state.root,
      state.image,
      `${name.replaceAll(' ', '-')}-again-${index}`,
      (sys, root) => {
        inSysroot(sys, root, settleBootPartition);
        if (index % 2 === 0) action(sys, root);
      },
    );
    const last = again.moments.at(-1)?.root ?? '';
    const read = finalState(again.disk);
    expect(expectWhole(read, [last], listOf(last))).toBe(listOf(last)[0]);
    expect(ours(read).map(({ file }) => file)).toHaveLength(listOf(last).length);
    // What has lost its long name is no entry for anybody.
    const named = again.disk.list(again.disk.find('loader/entries') ?? fail());
    expect(named.filter(({ name: file }) => file.endsWith('.conf'))).toHaveLength(listOf(last).length + 1);
  }
});

test('without its flushes it would not survive', () => {
  const change = observed(base, image, 'unflushed', rollBack);
  const { disk, moments } = change;
  const unflushed = {
    disk: { ...disk, windows: [disk.windows.flat()] } as FatDisk,
    moments: [base, moments.at(-1)],
  };
  const both = { ...unflushed, moments: [{ root: base }, moments[2] ?? { root: base }] };
  expect(() => tryPowerCuts(base, image, both, random)).toThrow();
});

function fail(): never {
  throw new Error('no loader/entries');
}
