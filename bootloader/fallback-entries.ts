/** Boot counting as systemd-boot does it: `+LEFT-USED` in the name of an entry's file; without it the entry is good. */
import type { BootEntry } from '#bootloader/entries.ts';
import { markOf, withMark } from '#bootloader/fallback-marks.ts';
import type { Counts, Mark, Trial } from '#bootloader/fallback.ts';
import { formatBlsFileName, parseBlsFileName, type BootTries } from '#ostree/format/bls.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { readEntries } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** What the names say of each trial. */
export function entryCounts({ deployments }: Pick<Sysroot, 'deployments'>): Counts {
  return new Map(
    deployments.flatMap((one) => {
      const mark = markOf(one.bls, deploymentName(one));
      return mark?.kind === 'trial' ? [[mark.trial.id, one.tries?.left ?? 'good'] as const] : [];
    }),
  );
}

/** Takes the counter from the name of the entry on trial: one rename. */
export function markEntryGood({ sys, fd, bootversion, deployments }: Sysroot, trial: Trial): void {
  const names = deployments.map(deploymentName);
  for (const { file, bls, name } of readEntries(sys, fd, bootversion)) {
    const marks = names.map((one) => markOf(bls, one));
    const isMeant = marks.some((mark) => mark?.kind === 'trial' && mark.trial.id === trial.id);
    if (!isMeant || name?.tries === null || name === null) continue;
    const directory = file.slice(1, file.lastIndexOf('/') + 1);
    sys.rename(fd, file.slice(1), fd, `${directory}${formatBlsFileName({ ...name, tries: null })}`);
  }
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
