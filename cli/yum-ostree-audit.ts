/** What `audit` prints, for people and for programs. Pure. */
import { restartJson, restartLines, restartText } from '#cli/restart-text.ts';
import { shownWord } from '#cli/report-error.ts';
import { formatNevra } from '#layering/nevra.ts';
import type { PackageDiff } from '#layering/package-diff.ts';
import { AUDIT_BIT, type Audit, type NextBoot } from '#layering/running-audit.ts';

/** Packages that are named without -v. */
const SHOWN = 10;

export function auditText(audit: Audit, verbose: boolean): string {
  const lines = [
    ...rebootLines(audit, verbose),
    ...modifiedLines(audit),
    ...audit.restarts.flatMap(restartLines),
    ...audit.restarted.map(restartText),
    ...audit.unseen.map((line) => `not seen: ${line}`),
  ];
  const nothing = audit.exitCode === 0 ? ['Neither a reboot nor a restart would change anything.'] : [];
  return [...nothing, ...lines].map((line) => `${shownWord(line)}\n`).join('');
}

export function auditJson(audit: Audit): object {
  const { nextBoot, modified, exitCode } = audit;
  const has = (bit: number): boolean => (exitCode & bit) !== 0;
  return {
    'exit-code': exitCode,
    'restart-needed': has(AUDIT_BIT.restart),
    'reboot-needed': has(AUDIT_BIT.reboot),
    modified: has(AUDIT_BIT.modified),
    unlocked: modified.unlocked ?? 'none',
    'applied-live': modified.applied,
    'interrupted-live': modified.interrupted,
    'processes-of-the-layer': modified.processes,
    'next-boot': nextBoot === null ? null : nextBootJson(nextBoot),
    restarts: audit.restarts.map(({ unit, userUnit, by, loses, processes, reasons }) => ({
      unit,
      'user-unit': userUnit,
      by,
      loses,
      processes,
      reasons,
    })),
    restarted: audit.restarted.map(restartJson),
    unseen: audit.unseen,
  };
}

function nextBootJson({ from, to, isSame, packages, isOtherKernel, kernelArguments }: NextBoot): object {
  return {
    from,
    to,
    same: isSame,
    kernel: isOtherKernel,
    'kernel-arguments': kernelArguments,
    packages:
      packages === null
        ? null
        : {
            added: packages.added.map(formatNevra),
            removed: packages.removed.map(formatNevra),
            upgraded: packages.upgraded.map(({ from: old, to: now }) => [formatNevra(old), formatNevra(now)]),
            downgraded: packages.downgraded.map(({ from: old, to: now }) => [
              formatNevra(old),
              formatNevra(now),
            ]),
          },
  };
}

function rebootLines({ nextBoot, exitCode }: Audit, verbose: boolean): string[] {
  if (nextBoot === null || (exitCode & AUDIT_BIT.reboot) === 0) return [];
  const { from, to, packages, isOtherKernel, kernelArguments } = nextBoot;
  return [
    `reboot: ${to} boots next instead of ${from}`,
    ...(packages === null ? [] : packageLines(packages, verbose)),
    ...(isOtherKernel ? ['  another kernel or initramfs'] : []),
    ...kernelArguments.added.map((word) => `  kernel argument added: ${word}`),
    ...kernelArguments.removed.map((word) => `  kernel argument removed: ${word}`),
  ];
}

function packageLines({ added, removed, upgraded, downgraded }: PackageDiff, verbose: boolean): string[] {
  const lines = [
    ...added.map((one) => `  added: ${formatNevra(one)}`),
    ...removed.map((one) => `  removed: ${formatNevra(one)}`),
    ...upgraded.map(({ from, to }) => `  upgraded: ${formatNevra(from)} -> ${formatNevra(to)}`),
    ...downgraded.map(({ from, to }) => `  downgraded: ${formatNevra(from)} -> ${formatNevra(to)}`),
  ];
  if (verbose || lines.length <= SHOWN) return lines;
  return [...lines.slice(0, SHOWN), `  and ${lines.length - SHOWN} more packages (-v lists them)`];
}

function modifiedLines({ modified }: Audit): string[] {
  const { unlocked, applied, interrupted, processes } = modified;
  const has = processes === 1 ? '1 process has' : `${processes} processes have`;
  return [
    ...(unlocked === null
      ? []
      : [`unlocked: /usr is ${unlocked}; 'yum-ostree unlocked' lists what was changed`]),
    ...(applied === null ? [] : [`  apply-live brought ${applied}`]),
    ...interrupted.map((name) => `  apply-live of ${name} was interrupted: run it again, or with --reset`),
    ...(processes > 0 ? [`  ${has} files of that layer`] : []),
  ];
}
