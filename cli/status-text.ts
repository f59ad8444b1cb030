/** `status` for people and for programs (with rpm-ostree's names where it has one). Pure. */
import { shownWord } from '#cli/report-error.ts';
import { countText, isoTime, tableText } from '#cli/report.ts';
import type { DeploymentStatus } from '#layering/status.ts';

const SHORT = 12;

/** One block a deployment; the first boots by default, `●` is the one that runs. */
export function statusText(deployments: readonly DeploymentStatus[], verbose: boolean): string {
  if (deployments.length === 0) return 'No deployments.\n';
  return deployments.map((one) => blockOf(one, verbose)).join('\n');
}

/** As `rpm-ostree status --json`: arrays are always there. */
export function statusJson(deployments: readonly DeploymentStatus[]): object {
  return { deployments: deployments.map(jsonOf), transaction: null, 'cached-update': null };
}

function blockOf(status: DeploymentStatus, verbose: boolean): string {
  const { deployment } = status;
  const rows: [string, string][] = [];
  const add = (label: string, values: readonly string[]): void => {
    if (values.length > 0) rows.push([`${label}:`, values.join(' ')]);
  };
  add('Base', status.base === null || status.base === status.treeName ? [] : [status.base]);
  add('Version', versionOf(status));
  add('Commit', [verbose ? deployment.checksum : deployment.checksum.slice(0, SHORT)]);
  const isDerived = status.baseCommit !== deployment.checksum;
  add('BaseCommit', isDerived ? [verbose ? status.baseCommit : status.baseCommit.slice(0, SHORT)] : []);
  add('StateRoot', [deployment.stateroot]);
  add(
    'Groups',
    status.groups.map((id) => `@${id}`),
  );
  add('Packages', status.packages);
  add('Removed', status.removals);
  add('Layered', verbose ? status.resolved : countOf(status.resolved.length));
  add('Requested', verbose ? (status.request?.requested ?? []) : []);
  add('Inactive', status.inactive);
  for (const remark of status.remarks) rows.push(['Note:', remark]);
  const marks = marksOf(status);
  const suffix = marks.length > 0 ? ` (${marks.join(', ')})` : '';
  const mark = deployment.isBooted ? '●' : ' ';
  const details = tableText(rows.map(([label, value]) => [`    ${label}`, value]));
  return `${mark} ${shownWord(status.treeName)}${suffix}\n${details}`;
}

function marksOf({ deployment, isRollback }: DeploymentStatus): string[] {
  return [
    ...(deployment.isStaged ? ['staged'] : []),
    ...(deployment.index === 0 ? ['default'] : []),
    ...(deployment.isBooted ? ['booted'] : []),
    ...(isRollback ? ['rollback'] : []),
    ...(deployment.isPinned ? ['pinned'] : []),
  ];
}

function versionOf({ version, timestamp }: DeploymentStatus): string[] {
  const time = timestamp === 0 ? [] : [`(${isoTime(timestamp)})`];
  return [...(version === null ? [] : [version]), ...time];
}

function countOf(count: number): string[] {
  return count === 0 ? [] : [`${countText(count)} (-v lists them)`];
}

function jsonOf(status: DeploymentStatus): object {
  const { deployment, request } = status;
  return {
    id: `${deployment.stateroot}-${status.id}`,
    osname: deployment.stateroot,
    serial: deployment.deployserial,
    checksum: deployment.checksum,
    version: status.version,
    timestamp: status.timestamp,
    booted: deployment.isBooted,
    staged: deployment.isStaged,
    pinned: deployment.isPinned,
    rollback: status.isRollback,
    default: deployment.index === 0,
    origin: status.base,
    'tree-name': status.treeName,
    'base-checksum': status.baseCommit,
    packages: status.packages,
    groups: status.groups,
    removals: status.removals,
    layered: status.resolved,
    'requested-packages': request?.requested ?? [],
    'requested-groups': request?.groups ?? [],
    'requested-local-packages': (request?.requestedLocal ?? []).map((entry) =>
      entry.slice(entry.indexOf(':') + 1),
    ),
    'requested-local-fileoverride-packages': [],
    'requested-base-removals': request?.removals ?? [],
    'base-removals': status.removals,
    'requested-base-local-replacements': [],
    'base-local-replacements': [],
    'inactive-requests': status.inactive,
    'regenerate-initramfs': false,
    'initramfs-args': [],
    remarks: status.remarks,
  };
}
