/** What a change came to, for people and for programs. Pure. */
import { failedTreeText } from '#bootloader/fallback-failed.ts';
import { shownWord } from '#cli/report-error.ts';
import { countText, isoTime, sizeText, tableText } from '#cli/report.ts';
import { initramfsJson } from '#cli/status-text.ts';
import { diffCounts } from '#cli/update-text.ts';
import type { BaseChange, BaseState } from '#layering/base-change.ts';
import type { ChangeOutcome, ChangePlan } from '#layering/change.ts';

/** More removals than this are asked about on a terminal. */
const FEW_REMOVALS = 5;

export function isLargeRemoval(plan: ChangePlan): boolean {
  return plan.remove.length > FEW_REMOVALS;
}

export function outcomeText(outcome: ChangeOutcome): string {
  switch (outcome.kind) {
    case 'unchanged':
      return `No change: ${shownWord(outcome.treeName)}\n`;
    case 'failed-before':
      return failedTreeText(outcome.base, 'yum-ostree upgrade --retry-failed');
    case 'planned':
      return `${planText(outcome.plan)}Nothing was done (--dry-run).\n`;
    case 'downloaded':
      return `${planText(outcome.plan)}The packages are in the store; nothing else was done.\n`;
    case 'declined':
      return 'Nothing was done.\n';
    case 'deployed':
      return `${planText(outcome.plan)}${shownWord(outcome.plan.treeName)} boots next (${outcome.checksum.slice(0, 12)}).\n`;
    default:
      return outcome satisfies never;
  }
}

export function outcomeJson(outcome: ChangeOutcome): object {
  switch (outcome.kind) {
    case 'unchanged':
      return { result: outcome.kind, 'tree-name': outcome.treeName };
    case 'failed-before':
      return { result: outcome.kind, base: outcome.base };
    case 'declined':
      return { result: outcome.kind };
    case 'planned':
    case 'downloaded':
      return { result: outcome.kind, ...planJson(outcome.plan) };
    case 'deployed':
      return {
        result: outcome.kind,
        checksum: outcome.checksum,
        ...planJson(outcome.plan),
        scripts: outcome.scripts,
      };
    default:
      return outcome satisfies never;
  }
}

export function planText(plan: ChangePlan): string {
  const rows = [
    ...plan.install.map(({ nevra, repo, reason, packageSize }) => [
      `  + ${nevra}`,
      repo,
      reason === 'requested' ? '' : reason,
      sizeText(packageSize),
    ]),
    ...plan.replace.map(({ from, nevra, repo, packageSize }) => [
      `  ~ ${from} -> ${nevra}`,
      repo,
      'override',
      sizeText(packageSize),
    ]),
    ...plan.restore.map((nevra) => [`  + ${nevra}`, 'of the base']),
    ...plan.remove.map((nevra) => [`  - ${nevra}`]),
  ];
  const stay = plan.kept.length === 1 ? 'stays' : 'stay';
  const kept = plan.kept.length === 0 ? '' : `  ${countText(plan.kept.length)} ${stay} layered\n`;
  const inactive = plan.inactive.map((spec) => `  ${shownWord(spec)} is provided by the base\n`);
  const overrides = plan.inactiveOverrides.map(
    (name) => `  the override of ${shownWord(name)} changes nothing on this base\n`,
  );
  const fresh = plan.install.length + plan.replace.length;
  const sizes =
    fresh === 0
      ? ''
      : `${countText(fresh)}, ${sizeText(plan.downloadSize)}; installed ${sizeText(plan.installedSize)}\n`;
  const lines = [...inactive, ...overrides, ...initramfsLines(plan)];
  return `${shownWord(plan.treeName)}\n${baseLine(plan)}${tableText(rows)}${kept}${lines.join('')}${sizes}`;
}

/** `  base 1 -> 2: 3 upgraded, 1 added`. */
function baseLine({ baseChange }: ChangePlan): string {
  if (baseChange === null) return '';
  const { from, to, packages } = baseChange;
  const isTold = from.version !== null && to.version !== null && from.version !== to.version;
  const nameOf = ({ version, timestamp }: BaseState): string =>
    isTold ? (version ?? '') : [...(version === null ? [] : [version]), isoTime(timestamp)].join(' of ');
  const counts = diffCounts(packages);
  return `  base ${shownWord(nameOf(from))} -> ${shownWord(nameOf(to))}${counts === '' ? '' : `: ${counts}`}\n`;
}

function initramfsLines({ initramfs: { regenerate, args, etc } }: ChangePlan): string[] {
  const words = args.map(shownWord).join(' ');
  return [
    ...(regenerate ? [`  initramfs made here by dracut${words === '' ? '' : `: ${words}`}\n`] : []),
    ...(etc.length > 0 ? [`  initrd with ${etc.map(shownWord).join(' ')}\n`] : []),
  ];
}

function planJson(plan: ChangePlan): object {
  return {
    'tree-name': plan.treeName,
    'base-checksum': plan.baseCommit,
    ...(plan.baseChange === null ? {} : { 'base-change': baseChangeJson(plan.baseChange) }),
    install: plan.install.map(({ nevra, repo, reason, packageSize, installedSize }) => ({
      nevra,
      repo,
      reason,
      'package-size': packageSize,
      'installed-size': installedSize,
    })),
    kept: plan.kept,
    remove: plan.remove,
    replace: plan.replace.map(({ from, nevra, repo, packageSize, installedSize }) => ({
      from,
      nevra,
      repo,
      'package-size': packageSize,
      'installed-size': installedSize,
    })),
    restore: plan.restore,
    inactive: plan.inactive,
    'inactive-overrides': plan.inactiveOverrides,
    'download-size': plan.downloadSize,
    'installed-size': plan.installedSize,
    ...initramfsJson(plan.initramfs),
  };
}

function baseChangeJson({ from, to, packages }: BaseChange): object {
  const lists = Object.entries(packages).map(([what, list]) => [what, (list as unknown[]).length]);
  return { from, to, packages: Object.fromEntries(lists) as object };
}
