/** Boot counting as systemd-boot does it: `+LEFT-USED` in the name of an entry's file; without it the entry is good. */
import { bootPartitionOf, withBootPartition, type BootPartition } from '#bootloader/boot-partition.ts';
import type { BootEntry } from '#bootloader/entries.ts';
import { markOf, withMark } from '#bootloader/fallback-marks.ts';
import type { Counts, Mark, Trial } from '#bootloader/fallback.ts';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import { formatPartitionName, parsePartitionName, type PartitionName } from '#bootloader/partition-name.ts';
import { syncPartition } from '#bootloader/sync-boot.ts';
import { isLive } from '#bootloader/systemd-boot.ts';
import { readPartitionFiles } from '#bootloader/write-boot-partition.ts';
import { formatBlsFileName, parseBlsFileName, type BootTries } from '#ostree/format/bls.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { readEntries } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** What the names say of each trial: on the partition of systemd-boot where there is one, for only there it counts. */
export function entryCounts(sysroot: Sysroot): Counts {
  const path = bootPartitionOf(sysroot);
  const onPartition =
    path === null ? null : withBootPartition(sysroot, path, (partition) => countersOn(sysroot, partition));
  return new Map(
    sysroot.deployments.flatMap((one) => {
      const mark = markOf(one.bls, deploymentName(one));
      if (mark?.kind !== 'trial') return [];
      const found = onPartition?.get(`${one.stateroot}/${deploymentName(one)}`);
      // Not written there yet: nothing was counted.
      if (onPartition !== null && found === undefined) return [];
      return [[mark.trial.id, (found ?? one).tries?.left ?? 'good'] as const];
    }),
  );
}

/** Takes the counter from the name of the entry on trial: one rename, as systemd-bless-boot does it. */
export function markEntryGood(sysroot: Sysroot, trial: Trial): void {
  const { sys, fd, bootversion, deployments } = sysroot;
  const meant = deployments.find((one) => {
    const mark = markOf(one.bls, deploymentName(one));
    return mark?.kind === 'trial' && mark.trial.id === trial.id;
  });
  if (meant === undefined) return;
  const path = mountedPartitionOf(sysroot);
  if (path !== null)
    withBootPartition(sysroot, path, (partition) => markOnPartition(sysroot, partition, meant));
  for (const { file, bls, name } of readEntries(sys, fd, bootversion)) {
    if (markOf(bls, deploymentName(meant)) === null || name === null || name.tries === null) continue;
    const directory = file.slice(1, file.lastIndexOf('/') + 1);
    sys.rename(fd, file.slice(1), fd, `${directory}${formatBlsFileName({ ...name, tries: null })}`);
  }
}

function markOnPartition(sysroot: Sysroot, partition: BootPartition, deployment: Deployment): void {
  const { sys, fd } = partition;
  const found = countersOn(sysroot, partition).get(`${deployment.stateroot}/${deploymentName(deployment)}`);
  if (found === undefined || found.tries === null) return;
  const name = formatPartitionName({ ...found, tries: null });
  sys.rename(fd, `loader/entries/${found.file}`, fd, `loader/entries/${name}`);
  syncPartition(sysroot, fd);
}

/** `STATEROOT/CSUM.N` → the name of its newest entry. */
function countersOn(
  sysroot: Sysroot,
  partition: BootPartition,
): Map<string, PartitionName & { file: string }> {
  const counters = new Map<string, PartitionName & { file: string }>();
  for (const { name: file, deployment } of readPartitionFiles(sysroot, partition).filter(isLive)) {
    const name = parsePartitionName(file);
    const other = deployment === null ? undefined : counters.get(deployment);
    if (name === null || deployment === null || (other?.generation ?? -1) > name.generation) continue;
    counters.set(deployment, { ...name, file });
  }
  return counters;
}

/** The entries with the marks of their deployments, and where the names count, with those counters. */
export function markedEntries(
  entries: readonly BootEntry[],
  deployments: readonly Deployment[],
  { marks, isInNames }: { readonly marks: readonly (Mark | null)[]; readonly isInNames: boolean },
): BootEntry[] {
  return entries.map((entry, at) => {
    const [deployment, mark] = [deployments[at], marks[at] ?? null];
    if (deployment === undefined) return entry;
    const bls = withMark(entry.bls, deploymentName(deployment), mark);
    const name = isInNames && mark !== null ? parseBlsFileName(entry.fileName) : null;
    if (name === null) return { ...entry, bls };
    return { bls, fileName: formatBlsFileName({ ...name, tries: triesOf(deployment, mark) }) };
  });
}

/** A trial that goes on has the counter that it had; a failed entry is one that systemd-boot puts last. */
function triesOf(deployment: Deployment, mark: Mark | null): BootTries | null {
  if (mark === null || mark.kind === 'good') return null;
  if (mark.kind === 'failed') return { left: 0, used: deployment.tries?.used ?? 1 };
  const before = markOf(deployment.bls, deploymentName(deployment));
  const isSame = before?.kind === 'trial' && before.trial.id === mark.trial.id;
  return isSame && deployment.tries !== null ? deployment.tries : { left: mark.trial.tries, used: 0 };
}
