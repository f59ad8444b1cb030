/**
 * Runs inside `unshare --mount` (power-cut.test.ts): a mount that another process has a copy of would go on writing to
 * its disk. Makes a machine of the layout, cuts the power of each case, and prints what was found, as JSON.
 */
import fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { parseVerbArguments } from '#board/arguments.ts';
import { kargs, KARGS_OPTIONS, rollback, setDefault } from '#board/boot-order.ts';
import { cleanup } from '#board/cleanup.ts';
import type { BoardContext } from '#board/context.ts';
import { loadSyscalls } from '#native/load.ts';
import { commitTree, ourAdmin, run, snapshot, writeFile } from '../root/sysroot-fixture.ts';
import { grubBoot, readMenu, type Bootable } from './boot-reader.ts';
import { makePartitionedDisk, mountDisk, type FileSystem, type Partition } from './partitioned-disk.ts';
import { copyDisk, CutDisk, powerCuts, randomNumbers } from './power-cuts.ts';
import { loadByUboot, type LoadedByUboot } from './uboot-reader.ts';
import { recordWrites, type WriteWindow } from './write-log.ts';

export interface PowerCutRequest {
  /** The file system of /boot, where it has one of its own, and of the root. */
  readonly layout: readonly FileSystem[];
  /** Names of CASES. */
  readonly cases: readonly string[];
  /** States of each window of writes that hold a random part of it. */
  readonly parts: number;
}

export interface PowerCutResult {
  readonly name: string;
  readonly flushes: number;
  readonly states: number;
  /** Of those, read by U-Boot too. */
  readonly byUboot: number;
  /** `MOMENT: WHAT`. */
  readonly failures: readonly string[];
}

/** An empty folder. */
const scratch = process.argv[2] ?? '';
const request = JSON.parse(process.argv[3] ?? '{}') as PowerCutRequest;
const mountPoint = path.join(scratch, 'root');
/** What upgrades come from. */
const remote = path.join(scratch, 'remote');

type Verb = (sysroot: string) => unknown;

const admin =
  (...args: readonly string[]): Verb =>
  (sysroot) =>
    ourAdmin(sysroot, args);

const board =
  (verb: (context: BoardContext) => unknown): Verb =>
  (path) =>
    verb({ sys: loadSyscalls(), env: {}, path });

const PLAIN = { values: [], flags: [], operands: 0 };
const EDIT = parseVerbArguments(['--append=edited'], { ...PLAIN, values: KARGS_OPTIONS });
const SECOND = parseVerbArguments(['1'], { ...PLAIN, operands: 1 });
const CLEANUP = admin('cleanup');

interface Case {
  readonly verb: Verb;
  /** What is done after the power cut where the menu is the old one; default the same. */
  readonly again?: Verb;
}

/** As somebody might do it who thinks of the kernel alone, which plays back the journal. */
function onlySync(root: string): void {
  const boot = path.join(root, 'boot');
  const next = fs.readlinkSync(`${boot}/loader`) === 'loader.0' ? 'loader.1' : 'loader.0';
  fs.rmSync(`${boot}/${next}`, { recursive: true, force: true });
  fs.cpSync(`${boot}/loader/`, `${boot}/${next}`, { recursive: true });
  fs.symlinkSync(next, `${boot}/loader.tmp`);
  run('sync', ['-f', boot]);
  fs.renameSync(`${boot}/loader.tmp`, `${boot}/loader`);
  run('sync', ['-f', boot]);
}

const CASES: Readonly<Record<string, Case>> = {
  deploy: { verb: admin('deploy', '--os=testos', 'two') },
  upgrade: { verb: admin('upgrade', '--os=testos') },
  rollback: { verb: board(rollback), again: CLEANUP },
  'set-default': { verb: board((context) => setDefault(context, SECOND)), again: CLEANUP },
  kargs: { verb: board((context) => kargs(context, EDIT)), again: CLEANUP },
  undeploy: { verb: admin('undeploy', '1'), again: CLEANUP },
  cleanup: { verb: board(cleanup) },
  'only a sync': { verb: onlySync, again: CLEANUP },
};

function isForUboot([first]: readonly FileSystem[]): boolean {
  return first === 'plain ext4';
}

interface Machine {
  readonly disk: string;
  readonly partitions: readonly Partition[];
  /** The directory of the deployment that runs. */
  readonly booted: string;
}

async function inMounted<T>(
  disk: string,
  partitions: readonly Partition[],
  action: (root: string) => Promise<T>,
): Promise<T> {
  const mounted = mountDisk(disk, partitions, mountPoint);
  try {
    return await action(mounted.root);
  } finally {
    mounted.unmount();
  }
}

async function makeMachine(layout: readonly FileSystem[]): Promise<Machine> {
  const disk = path.join(scratch, layout.join('-'));
  const partitions = makePartitionedDisk(disk, layout);
  publish('one');
  const booted = await inMounted(disk, partitions, async (root) => {
    await ourAdmin(root, ['init-fs', '--modern', root]);
    await ourAdmin(root, ['stateroot-init', 'testos']);
    const repo = `${root}/ostree/repo`;
    const ostree = (...args: readonly string[]) => run('/usr/bin/ostree', [...args, `--repo=${repo}`]);
    ostree('config', 'set', 'sysroot.bootloader', isForUboot(layout) ? 'uboot' : 'none');
    if (layout.length === 1) ostree('config', 'set', 'sysroot.bootprefix', 'true');
    ostree('remote', 'add', '--no-sign-verify', '--no-gpg-verify', 'origin', `file://${remote}`, 'os');
    ostree('pull', 'origin', 'os');
    for (const ref of ['zero', 'two'])
      commitTree(repo, ref, { kernel: `kernel of ${ref}`.repeat(1000), version: ref });
    const mutable = { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' };
    await ourAdmin(root, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'zero'], mutable);
    await ourAdmin(root, ['deploy', '--os=testos', 'origin:os'], mutable);
    const current = path.relative(root, (await ourAdmin(root, ['--print-current-dir'])).trim());
    writeFile(path.join(root, current, 'etc/a.conf'), 'local');
    // Names for which a directory of XFS has a block of its own, as with more kernels: docs/boot-loaders.md says why.
    for (const name of ['a', 'b', 'c', 'd']) fs.mkdirSync(path.join(root, 'boot/ostree', name.repeat(80)));
    // For a cleanup to have work: a deployment that no entry names.
    run('cp', ['-a', path.join(root, current), `${path.join(root, current).slice(0, -1)}7`]);
    return current;
  });
  return { disk, partitions, booted };
}

function publish(version: string): void {
  commitTree(remote, 'os', { kernel: `kernel of ${version}`.repeat(1000), version });
}

interface Recorded {
  readonly windows: readonly WriteWindow[];
  readonly before: string;
  readonly menus: readonly [old: Bootable[], fresh: Bootable[]];
  /** What U-Boot starts by default, before and after. */
  readonly systems: readonly [old: LoadedByUboot, fresh: LoadedByUboot];
  readonly etc: readonly string[];
}

/** By what the menu says, and the files of the tree. */
function defaultSystem(root: string, [first]: readonly Bootable[]): LoadedByUboot {
  const [modules = ''] = fs.globSync(`${root}/${first?.deployment ?? ''}/usr/lib/modules/*`);
  const checksumOf = (name: string) =>
    crc32(fs.readFileSync(path.join(modules, name)))
      .toString(16)
      .padStart(8, '0');
  return {
    bootargs: first?.options ?? '',
    kernel: checksumOf('vmlinuz'),
    initramfs: checksumOf('initramfs.img'),
  };
}

async function recorded({ disk, partitions, booted }: Machine, verb: Verb): Promise<Recorded> {
  const [before, whole] = [path.join(scratch, 'before'), path.join(scratch, 'whole')];
  copyDisk(disk, before);
  copyDisk(disk, whole);
  let seen: Omit<Recorded, 'windows' | 'before'> | null = null;
  const windows = await recordWrites(whole, (file) =>
    inMounted(file, partitions, async (root) => {
      const [old, etc] = [readMenu(root), etcOf(root, booted)];
      const systemBefore = defaultSystem(root, old);
      await verb(root);
      const fresh = readMenu(root);
      const systems = [systemBefore, defaultSystem(root, fresh)] as const;
      seen = { menus: [old, fresh], systems, etc };
    }),
  );
  expectWhole(before, windows, whole);
  if (seen === null) throw new Error('nothing was recorded');
  return { ...(seen as Omit<Recorded, 'windows' | 'before'>), windows, before };
}

function etcOf(root: string, booted: string): string[] {
  return snapshot(root, [`${booted}/etc`]);
}

/** All writes together make the disk: the log is whole. */
function expectWhole(before: string, windows: readonly WriteWindow[], whole: string): void {
  const disk = new CutDisk(before, windows);
  const replayed = `${whole}.replayed`;
  disk.leave({ moment: 'the end', flushes: windows.length, unflushed: [], isWhole: true }, replayed);
  run('cmp', [replayed, whole]);
  fs.rmSync(replayed);
  disk.remove();
}

const GRUB_NAMES = ['', '(loop0,msdos1)/boot', '(loop0,msdos1)'];

/** What is wrong with what is left, and with what the next run makes of it; null where nothing is. */
async function wrongWith(
  disk: string,
  { partitions, booted }: Machine,
  { record, again }: { readonly record: Recorded; readonly again: Verb },
): Promise<string | null> {
  const { menus, etc } = record;
  const isOneOf = (menu: readonly Bootable[]) => menus.some((each) => isSame(each, menu));
  const unread = `${disk}.unread`;
  copyDisk(disk, unread);
  return await inMounted(disk, partitions, async (root) => {
    const found = readMenu(root);
    if (!isOneOf(found)) return `a menu neither old nor new: ${JSON.stringify(found)}`;
    const byGrub = readMenu(root, grubBoot(unread, GRUB_NAMES[partitions.length] ?? ''));
    if (!isOneOf(byGrub)) return `for GRUB a menu neither old nor new: ${JSON.stringify(byGrub)}`;
    if (!isSame(etcOf(root, booted), etc)) return 'another /etc in the deployment that runs';
    await (isSame(found, menus[1]) ? CLEANUP : again)(root);
    await CLEANUP(root);
    const settled = readMenu(root);
    if (!isOneOf(settled)) return `the next run left ${JSON.stringify(settled)}`;
    const listed = new Set(settled.map(({ deployment }) => path.basename(deployment)));
    const directories = fs
      .readdirSync(`${root}/ostree/deploy/testos/deploy`)
      .filter((entry) => !entry.endsWith('.origin'));
    const leftovers = [
      ...directories.filter((entry) => !listed.has(entry)),
      ...fs.readdirSync(`${root}/boot`).filter((entry) => entry.endsWith('.tmp')),
    ];
    return leftovers.length > 0 ? `the next run left ${leftovers.join(' ')}` : null;
  });
}

async function wrongForUboot(disks: readonly string[], { systems }: Recorded): Promise<string[]> {
  const loaded = await loadByUboot(disks, scratch);
  return loaded
    .map(({ bootargs, ...files }) => ({ bootargs: bootargs.replace(/(^| )ostree=\S+/, '').trim(), ...files }))
    .filter((system) => !systems.some((each) => isSame(each, system)))
    .map((system) => `U-Boot would start ${JSON.stringify(system)}`);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function cutPower(machine: Machine, name: string): Promise<PowerCutResult> {
  const { verb, again = verb } = CASES[name] ?? {};
  if (verb === undefined || again === undefined) throw new Error(`no case ${name}`);
  if (name === 'upgrade') publish('three');
  const record = await recorded(machine, verb);
  const { windows } = record;
  const cuts = new CutDisk(record.before, windows);
  const left = path.join(scratch, 'left');
  const failures: string[] = [];
  const kept: string[] = [];
  let states = 0;
  for (const cut of powerCuts(windows, { parts: request.parts, random: randomNumbers(1) })) {
    cuts.leave(cut, left);
    states++;
    if (isForUboot(request.layout) && cut.unflushed.length > 0) {
      kept.push(path.join(scratch, `kept-${states}`));
      copyDisk(left, kept.at(-1) ?? '');
    }
    const wrong = await wrongWith(left, machine, { record, again }).catch(String);
    if (wrong !== null) failures.push(`${cut.moment}: ${wrong}`);
  }
  cuts.remove();
  failures.push(...(await wrongForUboot(kept, record)));
  for (const disk of kept) fs.rmSync(disk);
  return { name, flushes: windows.length - 1, states, failures, byUboot: kept.length };
}

// What is mounted here is gone with this process, as is what lies there.
loadSyscalls().mount('scratch', scratch, 'tmpfs', 0, 'mode=755');
run('/usr/bin/ostree', ['init', `--repo=${remote}`, '--mode=archive']);
const machine = await makeMachine(request.layout);
const results: PowerCutResult[] = [];
for (const name of request.cases) results.push(await cutPower(machine, name));
process.stdout.write(JSON.stringify(results));
