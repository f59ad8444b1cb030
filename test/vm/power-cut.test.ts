/**
 * Power cuts at the disk of a machine with systemd-boot: what Linux's VFAT and ext4 write while entries change is replayed
 * to every flush, and between two flushes to some of the sectors. What is left on the partition is read with mtools as
 * systemd-boot reads it; the deployments are on an ext4 that plays back its journal.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePartitionedDisk, mountDisk, type Partition } from '../crash/partitioned-disk.ts';
import { copyDisk, CutDisk, powerCuts, randomNumbers } from '../crash/power-cuts.ts';
import { loggedDisk, parseWriteLog, type WriteWindow } from '../crash/write-log.ts';
import { compactProgram } from '../fixtures/compact-program.ts';
import { readPartition, type ReadEntry, type ReadPartition } from '../fixtures/systemd-boot-reader.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from '../root/sysroot-fixture.ts';
import { BOOKWORM } from './debian-suite.ts';
import { EXECUTABLE, executable, filesPart, padded } from './initramfs-part.ts';
import { distributionKernel } from './kernel.ts';
import { powerOn } from './loaders-machine.ts';
import { GUEST, miniInitramfs } from './mini-initramfs.ts';

const FOREIGN = 'title Other\nsort-key zzz\nlinux /other/linux\noptions quiet\n';
const FOREIGN_KERNEL = 'the kernel of another system';
/** What the guest does; the first one finds none of our entries on the partition. */
const VERBS = ['set-default 0', 'rollback', 'kargs --append=edited', 'set-default 1', 'cleanup'];

let scratch: string;
beforeAll(() => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
});
afterAll(() => {
  removeScratch(scratch);
});

/** Two deployments, and a partition with the files of another system. */
async function makeDisk(disk: string): Promise<Partition[]> {
  const partitions = makePartitionedDisk(disk, ['vfat', 'ext4']);
  const image = `${disk}@@${partitions[0]?.start ?? 0}`;
  run('mmd', ['-i', image, '::/loader', '::/loader/entries', '::/other', '::/EFI']);
  for (const [target, text] of [
    ['::/loader/entries/other.conf', FOREIGN],
    ['::/other/linux', FOREIGN_KERNEL],
  ] as const) {
    fs.writeFileSync(path.join(scratch, 'file'), text);
    run('mcopy', ['-i', image, path.join(scratch, 'file'), target]);
  }
  const { root, unmount } = mountDisk(disk, partitions, path.join(scratch, 'root'));
  try {
    await ourAdmin(root, ['init-fs', '--modern', root]);
    await ourAdmin(root, ['stateroot-init', 'testos']);
    fs.mkdirSync(path.join(root, 'efi'));
    const repo = `${root}/ostree/repo`;
    for (const ref of ['one', 'two'])
      commitTree(repo, ref, { kernel: `kernel of ${ref}`.repeat(2000), version: ref });
    await ourAdmin(root, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'one']);
    await ourAdmin(root, ['deploy', '--os=testos', 'two']);
    run('/usr/bin/ostree', ['config', `--repo=${repo}`, 'set', 'yum-ostree.boot-partition', '/efi']);
  } finally {
    unmount();
  }
  return partitions;
}

async function recorded(disk: string): Promise<WriteWindow[]> {
  const kernel = await distributionKernel(BOOKWORM);
  const initramfs = path.join(scratch, 'initramfs');
  const verbs = filesPart([
    { name: 'init', text: fs.readFileSync(path.join(GUEST, 'vfat-verbs.sh')), mode: EXECUTABLE },
    { name: 'verbs', text: VERBS.map((verb) => `${verb}\n`).join('') },
    executable('usr/bin/yum-ostree-boot', compactProgram('yum-ostree-boot')),
  ]);
  const mini = await miniInitramfs(kernel, '/bin/busybox', ['vfat', 'nls_cp437', 'nls_ascii']);
  fs.writeFileSync(initramfs, Buffer.concat([padded(mini), verbs]));
  const log = path.join(scratch, 'log');
  fs.writeFileSync(log, '');
  fs.truncateSync(log, 2 ** 32);
  const boot = ['-kernel', kernel.direct, '-initrd', initramfs];
  const words = 'console=ttyS0 panic=-1 no_timer_check quiet';
  const console = await powerOn(
    'qemu-system-x86_64',
    [
      '-cpu',
      'qemu64',
      ...loggedDisk(disk, log),
      '-device',
      'virtio-blk-pci,drive=logged',
      ...boot,
      '-append',
      words,
    ],
    { name: 'power-cut', seconds: 600 },
  );
  for (const verb of VERBS) expect(console).toContain(`@@verb ${verb}: 0`);
  return parseWriteLog(log);
}

/** The partition alone, as a file. */
function partitionOf(disk: string, { start, size }: Partition, file: string): string {
  const bytes = Buffer.alloc(size);
  const fd = fs.openSync(disk, 'r');
  fs.readSync(fd, bytes, 0, size, start);
  fs.closeSync(fd);
  fs.writeFileSync(file, bytes);
  return file;
}

function ours({ entries }: ReadPartition): ReadEntry[] {
  return entries.filter(({ file }) => file.startsWith('yum-ostree-'));
}

/** `DEPLOYMENT ARGUMENTS` of an entry, once its kernel and initramfs are found to be those of the tree. */
function bootedBy(root: string, read: ReadPartition, entry: ReadEntry): string {
  const words = (entry.values.get('options') ?? '').split(' ');
  const link = words.find((word) => word.startsWith('ostree='))?.slice('ostree='.length) ?? 'none';
  const tree = fs.realpathSync(path.join(root, link));
  const modules = path.join(tree, 'usr/lib/modules/6.1.0');
  const [initrd = '', ...more] = entry.initrds;
  expect(more).toEqual([]);
  for (const [name, original] of [
    [entry.values.get('linux') ?? '', 'vmlinuz'],
    [initrd, 'initramfs.img'],
  ] as const)
    expect(read.file(name)?.equals(fs.readFileSync(path.join(modules, original))), name).toBe(true);
  const version = /VERSION|Test OS/.test(fs.readFileSync(path.join(tree, 'usr/lib/os-release'), 'utf8'));
  expect(version).toBe(true);
  return `${path.basename(tree)} ${words.filter((word) => !word.startsWith('ostree=')).join(' ')}`;
}

/** What boots by default; null: the other system, where none of ours is on the partition yet. */
function defaultOf(disk: string, partitions: readonly Partition[]): string | null {
  const [first] = partitions;
  if (first === undefined) throw new Error('no partition');
  const image = partitionOf(disk, first, path.join(scratch, 'partition'));
  const read = readPartition(image, path.join(scratch, 'read'));
  expect(read.file('loader/entries/other.conf')?.toString()).toBe(FOREIGN);
  expect(read.file('other/linux')?.toString()).toBe(FOREIGN_KERNEL);
  const { root, unmount } = mountDisk(disk, partitions, path.join(scratch, 'root'));
  try {
    const listed = ours(read).map((entry) => bootedBy(root, read, entry));
    const [chosen = null] = listed;
    expect(read.chosen?.file ?? 'none').toBe(chosen === null ? 'other.conf' : (ours(read)[0]?.file ?? ''));
    return chosen;
  } finally {
    unmount();
  }
}

test('an EFI system partition, written by Linux', async () => {
  const disk = path.join(scratch, 'disk');
  const partitions = await makeDisk(disk);
  const before = path.join(scratch, 'before');
  copyDisk(disk, before);
  const windows = await recorded(disk);
  const cuts = new CutDisk(before, windows);
  const left = path.join(scratch, 'left');
  const [, root] = partitions;
  const sectorAt = (offset: number): number => (offset < (root?.start ?? 0) ? 512 : 4096);
  /** What booted by default after each flush, without repetitions. */
  const defaults: (string | null)[] = [];
  const between: { readonly moment: string; readonly chosen: string | null; readonly at: number }[] = [];
  let count = 0;
  for (const cut of powerCuts(windows, { parts: 8, sectorAt, random: randomNumbers(1) })) {
    cuts.leave(cut, left);
    count++;
    try {
      const chosen = defaultOf(left, partitions);
      if (cut.isWhole && chosen !== defaults.at(-1)) defaults.push(chosen);
      between.push({ moment: cut.moment, chosen, at: defaults.length });
    } catch (cause) {
      throw new Error(`${cut.moment}: ${String(cause)}`, { cause });
    }
  }
  process.stdout.write(`power-cut: ${windows.length} flushes, ${count} states of an EFI system partition\n`);
  const one = expect.stringMatching(/^[0-9a-f]{64}\.0 root=LABEL=x$/) as string;
  const edited = expect.stringMatching(/^[0-9a-f]{64}\.0 root=LABEL=x edited$/) as string;
  expect(defaults).toEqual([null, one, one, edited, one]);
  expect(new Set(defaults.map((each) => each?.slice(0, 64))).size).toBe(3);
  // Never back to what was the default before.
  for (const { moment, chosen, at } of between)
    expect([defaults[at - 1], defaults[at]], moment).toContain(chosen);
});
