/** An available update, and what is done about updates: for people and for programs (rpm-ostree's names). Pure. */
import { isoTime, tableText } from '#cli/report.ts';
import { formatEvr } from '#layering/evr.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { isEmptyDiff, type PackageDiff, type VersionChange } from '#layering/package-diff.ts';
import {
  ADVISORY_KINDS,
  advisoryRow,
  flawReferences,
  SEVERITIES,
  type Advisory,
} from '#layering/updateinfo.ts';
import type { UpdateStatus } from '#layering/update-status.ts';
import type { AvailableUpdate, UpdateState } from '#layering/update-state.ts';

const SHORT = 12;
/** rpm-ostree's numbers for where a package is. */
const BASE = 0;
const LAYER = 1;

/** With every package and advisory where `verbose`. */
export function updateText(
  update: AvailableUpdate,
  { verbose, ...more }: { readonly verbose: boolean; readonly advisories?: boolean },
): string {
  const { origin, checksum, version, timestamp, refHasNewCommit, base, layered, advisories } = update;
  const time = `(${isoTime(timestamp)})`;
  const flaws = advisories.filter(({ kind }) => kind === 'security');
  const rows: string[][] = [
    ...(refHasNewCommit ? [['    Base:', origin]] : []),
    ...(refHasNewCommit ? [['    Version:', version === null ? time : `${version} ${time}`]] : []),
    ...(refHasNewCommit ? [['    Commit:', verbose ? checksum : checksum.slice(0, SHORT)]] : []),
    ...(base === null ? [['    Diff:', 'the new base does not list its packages']] : diffRows('Diff', base)),
    ...diffRows('LayeredDiff', layered),
    ...(flaws.length > 0 ? [['    SecAdvisories:', countsOf(flaws)]] : []),
  ];
  const details = [
    ...(verbose ? [...(base === null ? [] : changeLines(base)), ...changeLines(layered)] : []),
    ...(verbose || more.advisories === true ? advisoryLines(advisories) : []),
  ];
  return `AvailableUpdate:\n${tableText(rows)}${details.join('')}`;
}

/** As `cached-update` of `rpm-ostree status --json`. */
export function updateJson(update: AvailableUpdate | null): object | null {
  if (update === null) return null;
  const { osname, checksum, version, timestamp, origin, refHasNewCommit, base, layered, advisories } = update;
  const { from } = update;
  const both = [
    [BASE, base],
    [LAYER, layered],
  ] as const;
  const rows = <T>(rowOf: (type: number, diff: PackageDiff) => T[]): T[] =>
    both.flatMap(([type, diff]) => (diff === null ? [] : rowOf(type, diff)));
  return {
    osname,
    checksum,
    version,
    timestamp,
    origin,
    'ref-has-new-commit': refHasNewCommit,
    'rpm-diff': {
      upgraded: rows((type, diff) => diff.upgraded.map((one) => changeJson(type, one))),
      downgraded: rows((type, diff) => diff.downgraded.map((one) => changeJson(type, one))),
      removed: rows((type, diff) => diff.removed.map((one) => singleJson(type, one))),
      added: rows((type, diff) => diff.added.map((one) => singleJson(type, one))),
    },
    advisories: advisories.map(advisoryJson),
    'update-sha256': from,
  };
}

/** `AutomaticUpdates: stage; last run …: staged`; '' where nothing is done and nothing was. */
export function policyText({ policy: { policy }, state, fault, update }: UpdateStatus): string {
  if (fault !== null) return `AutomaticUpdates: off, as ${fault}\n`;
  if (policy === 'none' && state === null) return '';
  const what = state?.policy == null ? 'last look by hand' : 'last run';
  const isPast = state?.result === 'available' && update === null;
  const came = state === null ? '' : isPast ? 'an update was found' : resultText(state);
  const result = state === null ? 'no run yet' : `${what} ${isoTime(state.time)}: ${came}`;
  return `AutomaticUpdates: ${policy}; ${result}\n`;
}

export function policyJson({ policy: { policy, file }, state, fault }: UpdateStatus): object {
  return {
    policy,
    file: file === null ? null : `/${file}`,
    'last-run': state?.time ?? null,
    result: state?.result ?? null,
    error: fault ?? state?.error ?? null,
  };
}

/** As rpm-ostree's `(suuasa{sv})`. */
export function advisoryJson(advisory: Advisory): unknown[] {
  const { id, kind, severity, packages } = advisory;
  const references = flawReferences(advisory).map(({ url, title }) => [url, title]);
  const numbers = [ADVISORY_KINDS.indexOf(kind), SEVERITIES.indexOf(severity)];
  return [id, ...numbers, packages.map(formatNevra), { cve_references: references }];
}

export function advisoryLines(advisories: readonly Advisory[]): string[] {
  if (advisories.length === 0) return [];
  return ['Advisories:\n', tableText(advisories.map((one) => advisoryRow(one)).map(indentedRow))];
}

function resultText({ result, error }: UpdateState): string {
  switch (result) {
    case 'none':
      return 'no update';
    case 'available':
      return 'an update is available';
    case 'staged':
      return 'an update boots next';
    case 'failed':
      return `failed: ${error ?? ''}`;
    default:
      return result satisfies never;
  }
}

function diffRows(label: string, diff: PackageDiff): string[][] {
  return isEmptyDiff(diff) ? [] : [[`    ${label}:`, diffCounts(diff)]];
}

/** `3 upgraded, 1 added`; '' where nothing differs. */
export function diffCounts(diff: PackageDiff): string {
  const counts = Object.entries(diff).map(([what, list]) => [what, (list as unknown[]).length] as const);
  return counts
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

function changeLines({ upgraded, downgraded, removed, added }: PackageDiff): string[] {
  const changes = [...upgraded, ...downgraded].map(({ from, to }) =>
    indentedRow([to.name, `${formatEvr(from)} -> ${formatEvr(to)}`]),
  );
  const lines = [
    ...removed.map((one) => indentedRow([`- ${formatNevra(one)}`])),
    ...added.map((one) => indentedRow([`+ ${formatNevra(one)}`])),
  ];
  return [tableText(changes), tableText(lines)];
}

function indentedRow(row: readonly string[]): string[] {
  return row.map((cell, at) => (at === 0 ? `      ${cell}` : cell));
}

/** `1 critical, 2 moderate`. */
function countsOf(advisories: readonly Advisory[]): string {
  return [...SEVERITIES]
    .reverse()
    .map((severity) => [severity, advisories.filter((one) => one.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity === 'none' ? 'of unknown severity' : severity}`)
    .join(', ');
}

function changeJson(type: number, { from, to }: VersionChange): unknown[] {
  return [type, to.name, [formatEvr(from), from.arch], [formatEvr(to), to.arch]];
}

function singleJson(type: number, { name, arch, ...evr }: Nevra): unknown[] {
  return [type, name, formatEvr(evr), arch];
}
