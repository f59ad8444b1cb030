/** Whether the partition of systemd-boot boots what the list says: for `fsck-boot`, and before something is staged. */
import type { BootProblem } from '#bootloader/check-boot.ts';
import { withBootPartition } from '#bootloader/boot-partition.ts';
import { requirePartitionSpace } from '#bootloader/partition-space.ts';
import { filesNamedIn, isLive, planPartition, type WantedEntry } from '#bootloader/systemd-boot.ts';
import {
  listedEntries,
  missingKernels,
  readPartitionFiles,
  type PartitionTarget,
} from '#bootloader/write-boot-partition.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** Reads only. Empty where every entry has its files, and the entries are those of the list. */
export function partitionProblems(sysroot: Sysroot, target: PartitionTarget): BootProblem[] {
  const { path, freshTries } = target;
  return withBootPartition(sysroot, path, (partition) => {
    const { sys, fd } = partition;
    const found = readPartitionFiles(sysroot, partition);
    const plan = planPartition(listedEntries(sysroot), found, freshTries);
    const lost = found.filter(isLive).flatMap(({ name, text }) =>
      filesNamedIn(text)
        .filter((file) => sys.stat(fd, file) === null)
        .map((file) => ({ where: `/${path}/loader/entries/${name}`, what: `/${path}/${file} is missing` })),
    );
    const differing = missingKernels(sysroot, partition, { plan, found })
      .filter(({ target: file }) => sys.stat(fd, file) !== null)
      .map(({ source, target: file }) => ({ where: `/${path}/${file}`, what: `it is not as /${source}` }));
    const other = plan.isCurrent
      ? []
      : [{ where: `/${path}/loader/entries`, what: 'the entries are not those of /boot/loader/entries' }];
    return [...lost, ...differing, ...other];
  });
}

/** Reads only. @throws UserError NO_BOOT_SPACE where a list could not be written, even if what goes is removed first */
export function requirePartitionRoom(
  sysroot: Sysroot,
  { path, freshTries }: PartitionTarget,
  wanted: readonly WantedEntry[],
): void {
  withBootPartition(sysroot, path, (partition) => {
    const found = readPartitionFiles(sysroot, partition);
    const plan = planPartition(wanted, found, freshTries);
    const missing = missingKernels(sysroot, partition, { plan, found });
    requirePartitionSpace(sysroot, partition, { plan, found, missing });
  });
}
