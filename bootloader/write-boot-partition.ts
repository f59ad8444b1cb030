/**
 * Writes our entries and their kernels to the boot partition, so that a power cut at any moment leaves the old default or
 * the new one, each with all its files; what it may leave besides is kernels and files without a first line, which the
 * next run removes. Other people's entries, and a loader.conf that is there, are never touched.
 *
 * It is written after `/boot/loader`, which is the list: until it is done, a stamp keeps the old boot links and
 * deployments from being cleaned up, and the next change, cleanup or boot (`settlePartition`) goes on from there.
 */
import { blsValue, parseBls, parseBlsFileName, type BootTries } from '#ostree/format/bls.ts';
import { during } from '#ostree/format/errors.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { withBootPartition, type BootPartition } from '#bootloader/boot-partition.ts';
import type { BootEntry } from '#bootloader/entries.ts';
import {
  copyKernel,
  overwrite,
  readDamaged,
  removeUnusedKernels,
  write,
} from '#bootloader/partition-files.ts';
import { noteMounted } from '#bootloader/mounted-partition.ts';
import { makePartitionSpace } from '#bootloader/partition-space.ts';
import { parsePartitionName } from '#bootloader/partition-name.ts';
import { syncPartition } from '#bootloader/sync-boot.ts';
import {
  BLANK,
  filesNamedIn,
  isLive,
  planPartition,
  sectorsOf,
  type PartitionFile,
  type PartitionKernel,
  type PartitionPlan,
  type WantedEntry,
} from '#bootloader/systemd-boot.ts';
import { BOOT_PARTITION_STAMP } from '#ostree/sysroot/cleanup.ts';
import { deploymentName, parseDeploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { parseBootLink } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

const ENTRIES = 'loader/entries';

export interface PartitionTarget {
  /** Where the partition is mounted, relative to the sysroot. */
  readonly path: string;
  /** The counters of a default that has no tries left. */
  readonly freshTries: BootTries | null;
}

/**
 * All that can be done before the list is swapped: kernels, and entries that do not count yet, on the disk.
 * @returns what makes them count, to be called when the list is swapped and on the disk
 * @throws UserError NO_BOOT_SPACE, BAD_BLS
 */
export function preparePartition(
  sysroot: Sysroot,
  target: PartitionTarget,
  wanted: readonly WantedEntry[],
): () => void {
  const { sys, fd } = sysroot;
  noteMounted(sysroot, target.path);
  const plan = inPartition(sysroot, target, (partition) => prepare(sysroot, partition, { target, wanted }));
  makeDirectories(sys, fd, 'boot/ostree');
  replaceFile(sys, fd, { path: BOOT_PARTITION_STAMP, text: '' });
  return () => {
    inPartition(sysroot, target, (partition) => {
      commit(sysroot, partition, plan);
    });
    unlinkIfPresent(sys, fd, BOOT_PARTITION_STAMP);
  };
}

/** Brings the partition to what the list on disk says; nothing is written where it does. */
export function settlePartition(sysroot: Sysroot, target: PartitionTarget): void {
  const { sys, fd } = sysroot;
  const wanted = listedEntries(sysroot);
  noteMounted(sysroot, target.path);
  inPartition(sysroot, target, (partition) => {
    commit(sysroot, partition, prepare(sysroot, partition, { target, wanted }));
  });
  unlinkIfPresent(sys, fd, BOOT_PARTITION_STAMP);
}

/** The entries of the list on disk. */
export function listedEntries({ deployments }: Pick<Sysroot, 'deployments'>): WantedEntry[] {
  return deployments
    .filter(({ isStaged }) => !isStaged)
    .map((deployment) => ({ bls: deployment.bls, tries: deployment.tries, deployment: keyOf(deployment) }));
}

/** Whether the partition has files of ours. */
export function hasPartitionEntries(sysroot: Sysroot, { path }: PartitionTarget): boolean {
  return withBootPartition(sysroot, path, (partition) => readPartitionFiles(sysroot, partition).length > 0);
}

/** The entries of a list that is about to be written, in its order. */
export function wantedEntries(
  entries: readonly BootEntry[],
  deployments: readonly Deployment[],
): WantedEntry[] {
  return entries.flatMap(({ bls, fileName }, index) => {
    const deployment = deployments[index];
    if (deployment === undefined) return [];
    return [{ bls, tries: parseBlsFileName(fileName)?.tries ?? null, deployment: keyOf(deployment) }];
  });
}

/** The files of ours in `loader/entries`, whatever state they are in. */
export function readPartitionFiles(sysroot: Sysroot, { sys, fd }: BootPartition): PartitionFile[] {
  if (sys.stat(fd, ENTRIES) === null) return [];
  return sys
    .readdir(fd, ENTRIES)
    .filter(({ name }) => parsePartitionName(name) !== null)
    .map(({ name }) => {
      const text = readDamaged({ sys, fd }, `${ENTRIES}/${name}`);
      return { name, text, deployment: deploymentOf(sysroot, text) };
    });
}

function inPartition<T>(
  sysroot: Sysroot,
  { path }: PartitionTarget,
  action: (partition: BootPartition) => T,
): T {
  return during(`writing the boot partition /${path}`, () => withBootPartition(sysroot, path, action));
}

interface Request {
  readonly target: PartitionTarget;
  readonly wanted: readonly WantedEntry[];
}

/** A crash leaves files that nothing reads. */
function prepare(sysroot: Sysroot, partition: BootPartition, { target, wanted }: Request): PartitionPlan {
  const { sys, fd } = partition;
  const found = readPartitionFiles(sysroot, partition);
  const plan = planPartition(wanted, found, target.freshTries);
  const missing = missingKernels(sysroot, partition, { plan, found });
  if (plan.isCurrent && missing.length === 0) return plan;
  makePartitionSpace(sysroot, partition, { plan, found, missing });
  makeDirectories(sys, fd, ENTRIES);
  for (const file of missing) copyKernel(sysroot, partition, file);
  for (const { name, text } of plan.isCurrent ? [] : plan.entries)
    write(partition, `${ENTRIES}/${name}`, sectorsOf(text).prepared);
  // Entries of other systems may come first in the menu.
  if (sys.stat(fd, 'loader/loader.conf') === null)
    write(partition, 'loader/loader.conf', 'default yum-ostree-*\n');
  syncPartition(sysroot, fd);
  return plan;
}

/** A crash leaves the old default or the new one; of the other entries there may be both. */
function commit(sysroot: Sysroot, partition: BootPartition, plan: PartitionPlan): void {
  if (plan.isCurrent) return;
  const { sys, fd } = partition;
  for (const { name, text } of plan.entries)
    overwrite(partition, `${ENTRIES}/${name}`, sectorsOf(text).first);
  syncPartition(sysroot, fd);
  const live = plan.obsolete.filter(isLive);
  for (const { name } of live) overwrite(partition, `${ENTRIES}/${name}`, BLANK);
  if (live.length > 0) syncPartition(sysroot, fd);
  for (const { name } of plan.obsolete) sys.unlink(fd, `${ENTRIES}/${name}`);
  removeUnusedKernels(
    partition,
    plan.kernels.map(({ target }) => target),
  );
}

/** A file that an entry names was whole before the entry counted; any other may be what a crash left. */
export function missingKernels(
  { sys, fd }: Sysroot,
  partition: BootPartition,
  { plan, found }: { readonly plan: PartitionPlan; readonly found: readonly PartitionFile[] },
): PartitionKernel[] {
  const whole = new Set(found.filter(isLive).flatMap(({ text }) => filesNamedIn(text)));
  return plan.kernels.filter(
    ({ source, target }) =>
      !whole.has(target) || partition.sys.stat(partition.fd, target)?.size !== sys.stat(fd, source)?.size,
  );
}

function deploymentOf({ sys, fd }: Sysroot, text: string): string | null {
  const path = kernelArgValue(parseKernelArgs(blsValue(parseBls(text), 'options') ?? ''), 'ostree');
  const link = path === null ? null : parseBootLink(path);
  if (path === null || link === null) return null;
  const target = sys.lstat(fd, path.slice(1)) === null ? null : sys.readlink(fd, path.slice(1));
  const named = target === null ? null : parseDeploymentName(target.slice(target.lastIndexOf('/') + 1));
  return named === null ? null : `${link.stateroot}/${deploymentName(named)}`;
}

function keyOf(deployment: Deployment): string {
  return `${deployment.stateroot}/${deploymentName(deployment)}`;
}
