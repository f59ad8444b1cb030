/** What `apply-live` prints, for people and for programs. Pure. */
import { shownWord } from '#cli/report-error.ts';
import { restartsJson, restartsLines } from '#cli/restart-text.ts';
import type { LiveOutcome } from '#layering/apply-live.ts';
import type { LivePlan } from '#layering/live-plan.ts';
import type { RestartResult } from '#layering/live-record.ts';
import type { NeededRestart } from '#layering/running-audit.ts';

/** Paths that are named without --json. */
const SHOWN = 20;

export function liveText(
  outcome: LiveOutcome,
  needed: readonly NeededRestart[],
  restarted: readonly RestartResult[],
): string {
  const { kind, to, packages, usr, etc } = outcome;
  if (kind === 'unchanged') return line(`${to.treeName} is what runs already`);
  const lines = [
    kind === 'planned' ? `would apply ${to.treeName} to what runs` : `${to.treeName} runs now`,
    ...packages.added.map((one) => `  added: ${one}`),
    ...packages.removed.map((one) => `  removed: ${one}`),
    ...packages.replaced.map((one) => `  replaced: ${one}`),
    `  ${countOf(usr)} in /usr; ${countOf(etc)} in /etc`,
    ...(etc.others.length === 0 ? [] : [`  kept as they are locally: ${few(etc.others)}`]),
    ...(usr.others.length === 0 ? [] : [`  changed by others: ${few(usr.others)}`]),
    ...(kind === 'planned' && usr.ofPackages.length > 0
      ? [`  files of packages that it replaces or removes: ${few(usr.ofPackages.map(({ path }) => path))}`]
      : []),
  ];
  return [...lines, ...restartsLines(restarted, without(needed, restarted))].map(line).join('');
}

export function liveJson(
  outcome: LiveOutcome,
  needed: readonly NeededRestart[],
  restarted: readonly RestartResult[],
): object {
  const { kind, from, to, packages, usr, etc, failures } = outcome;
  return {
    result: kind,
    from: { 'tree-name': from.treeName, checksum: from.commit },
    to: { 'tree-name': to.treeName, checksum: to.commit },
    packages,
    usr: { ...pathsOf(usr), 'of-packages': usr.ofPackages, 'changed-by-others': usr.others },
    etc: { ...pathsOf(etc), kept: etc.others },
    failures,
    ...restartsJson(restarted, without(needed, restarted)),
  };
}

function without(needed: readonly NeededRestart[], done: readonly RestartResult[]): NeededRestart[] {
  return needed.filter(
    (one) =>
      !done.some(
        ({ unit, userUnit, failure }) => failure === null && unit === one.unit && userUnit === one.userUnit,
      ),
  );
}

function pathsOf({ added, replaced, removed }: LivePlan): object {
  return { added, replaced, removed };
}

function countOf({ added, replaced, removed }: LivePlan): string {
  return `${added.length} added, ${replaced.length} replaced, ${removed.length} removed`;
}

function few(paths: readonly string[]): string {
  const more = paths.length - SHOWN;
  return `${paths.slice(0, SHOWN).join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function line(text: string): string {
  return `${shownWord(text)}\n`;
}
