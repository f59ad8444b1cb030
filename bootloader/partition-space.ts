/** Room on the boot partition, which is small: in two steps where old and new kernels do not fit side by side. */
import { S } from '#native/syscalls.ts';
import type { BootPartition } from '#bootloader/boot-partition.ts';
import { overwrite, unusedKernels } from '#bootloader/partition-files.ts';
import { syncPartition } from '#bootloader/sync-boot.ts';
import {
  BLANK,
  filesNamedIn,
  inMenuOrder,
  type PartitionFile,
  type PartitionKernel,
  type PartitionPlan,
} from '#bootloader/systemd-boot.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface SpaceRequest {
  readonly plan: PartitionPlan;
  readonly found: readonly PartitionFile[];
  /** To be copied. */
  readonly missing: readonly PartitionKernel[];
}

/** Bytes beside the files themselves, as ostree keeps free in /boot. */
const RESERVE = 1024 * 1024;

/**
 * Where room is short, leftovers go, then the kernels and entries of deployments that are to go anyway; never those of
 * the default. A crash leaves the default and the entries that stay, as they were.
 * @throws UserError NO_BOOT_SPACE with the numbers, before anything is removed
 */
export function makePartitionSpace(sysroot: Sysroot, partition: BootPartition, request: SpaceRequest): void {
  const needed = neededSpace(sysroot, partition, request);
  if (needed <= freeSpace(partition)) return;
  const { leftovers, leaving, theirs } = requirePartitionSpace(sysroot, partition, request);
  remove(partition, leftovers);
  if (needed <= freeSpace(partition)) return;
  for (const { name } of leaving) overwrite(partition, `loader/entries/${name}`, BLANK);
  syncPartition(sysroot, partition.fd);
  remove(partition, theirs);
}

/** @returns what may go to make room. @throws UserError NO_BOOT_SPACE with the numbers, where that is not enough */
export function requirePartitionSpace(
  sysroot: Sysroot,
  partition: BootPartition,
  request: SpaceRequest,
): Removable {
  const needed = neededSpace(sysroot, partition, request);
  const removable = whatMayGo(partition, request);
  const all = [...removable.leftovers, ...removable.theirs];
  const possible = all.reduce((sum, path) => sum + sizeOf(partition, path), freeSpace(partition));
  if (needed > possible) refuse(partition, { needed, possible });
  return removable;
}

interface Removable {
  /** Kernels that no entry names. */
  readonly leftovers: readonly string[];
  /** Entries that may go, */
  readonly leaving: readonly PartitionFile[];
  /** and their kernels. */
  readonly theirs: readonly string[];
}

function whatMayGo(partition: BootPartition, { plan, found }: SpaceRequest): Removable {
  const [inUse, ...others] = inMenuOrder(found);
  const wanted = plan.kernels.map(({ target }) => target);
  const isLeaving = ({ text }: PartitionFile): boolean =>
    filesNamedIn(text).some((file) => !wanted.includes(file));
  const leaving = others.filter(isLeaving);
  const staying = [...(inUse === undefined ? [] : [inUse]), ...others.filter((file) => !isLeaving(file))];
  const namedIn = (files: readonly PartitionFile[]): string[] =>
    files.flatMap(({ text }) => filesNamedIn(text));
  const leftovers = unusedKernels(partition, [...wanted, ...namedIn(staying), ...namedIn(leaving)]);
  const unneeded = unusedKernels(partition, [...wanted, ...namedIn(staying)]);
  return { leftovers, leaving, theirs: unneeded.filter((path) => !leftovers.includes(path)) };
}

function refuse(partition: BootPartition, { needed, possible }: { needed: number; possible: number }): never {
  throw new UserError(
    'NO_BOOT_SPACE',
    `/${partition.path} has room for ${megabytes(possible)} MB, the new kernel files need ${megabytes(needed - RESERVE)} MB, and ${megabytes(RESERVE)} MB are kept free`,
    { hint: `'ostree admin undeploy INDEX' removes a deployment with its kernel files` },
  );
}

function neededSpace(
  { sys, fd }: Sysroot,
  partition: BootPartition,
  { plan, missing }: SpaceRequest,
): number {
  const { bsize } = partition.sys.statfs(partition.fd);
  const sizes = missing.map(({ source }) => sys.stat(fd, source)?.size ?? 0);
  const clusters = sizes.reduce((sum, size) => sum + Math.ceil(size / bsize), 0);
  return (clusters + 2 * plan.entries.length) * bsize + RESERVE;
}

function freeSpace({ sys, fd }: BootPartition): number {
  const { bsize, bavail } = sys.statfs(fd);
  return bavail * bsize;
}

/** Of a file, or of the files in a directory, in bytes. */
function sizeOf({ sys, fd }: BootPartition, path: string): number {
  const stat = sys.stat(fd, path);
  if (stat === null || (stat.mode & S.IFMT) !== S.IFDIR) return stat?.size ?? 0;
  return sys
    .readdir(fd, path)
    .reduce((sum, { name }) => sum + (sys.stat(fd, `${path}/${name}`)?.size ?? 0), 0);
}

function remove({ sys, fd }: BootPartition, paths: readonly string[]): void {
  for (const path of paths) sys.removeTree(fd, path);
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
