/** `status` for people and for programs (with rpm-ostree's names where it has one). Pure. */
import { shownWord } from '#cli/report-error.ts';
import { restartJson } from '#cli/restart-text.ts';
import { countText, isoTime, tableText } from '#cli/report.ts';
import { policyJson, policyText, updateJson, updateText } from '#cli/update-text.ts';
import { INITRAMFS_OF_TREE, type InitramfsRequest } from '#layering/initramfs-request.ts';
import { formatNevra, parseNevra } from '#layering/nevra.ts';
import { parseFileEntry, specsBySource } from '#layering/origin-entries.ts';
import type { DeploymentStatus } from '#layering/status.ts';
import type { UpdateStatus } from '#layering/update-status.ts';

const SHORT = 12;

/** One block a deployment; the first boots by default, `●` is the one that runs. */
export function statusText(
  deployments: readonly DeploymentStatus[],
  updates: UpdateStatus | null,
  { verbose, advisories }: { readonly verbose: boolean; readonly advisories: boolean },
): string {
  if (deployments.length === 0) return 'No deployments.\n';
  return [
    ...(updates === null ? [] : [policyText(updates)]),
    ...deployments.map((one) => blockOf(one, verbose)),
    ...(updates?.update == null ? [] : [updateText(updates.update, { verbose, advisories })]),
  ]
    .filter((block) => block !== '')
    .join('\n');
}

/** As `rpm-ostree status --json`: arrays are always there. */
export function statusJson(deployments: readonly DeploymentStatus[], updates: UpdateStatus | null): object {
  return {
    deployments: deployments.map(jsonOf),
    transaction: null,
    'cached-update': updateJson(updates?.update ?? null),
    'update-driver': null,
    'automatic-updates': updates === null ? null : policyJson(updates),
  };
}

function blockOf(status: DeploymentStatus, verbose: boolean): string {
  const { deployment } = status;
  const rows: [string, string][] = [];
  const add = (label: string, values: readonly string[]): void => {
    if (values.length > 0) rows.push([`${label}:`, values.join(' ')]);
  };
  add('Base', status.base === null || status.base === status.treeName ? [] : [status.base]);
  add(status.version === null ? 'Timestamp' : 'Version', versionOf(status));
  add('Commit', [verbose ? deployment.checksum : deployment.checksum.slice(0, SHORT)]);
  const isDerived = status.baseCommit !== deployment.checksum;
  add('BaseCommit', isDerived ? [verbose ? status.baseCommit : status.baseCommit.slice(0, SHORT)] : []);
  add('StateRoot', [deployment.stateroot]);
  add(
    'Groups',
    status.groups.map((id) => `@${id}`),
  );
  const local = status.request?.requestedLocal ?? [];
  add('Packages', withoutFiles(status.packages, { local, requested: status.request?.requested ?? [] }));
  add('LocalPackages', local.map(nevraOfEntry));
  add('Removed', status.removals);
  add(
    'Replaced',
    status.replaced.map(({ from, to }) => `${from} -> ${to}`),
  );
  add('Layered', verbose ? status.resolved : countOf(status.resolved.length));
  add('Requested', verbose ? (status.request?.requested ?? []) : []);
  add('Inactive', status.inactive);
  add('InactiveOverrides', status.inactiveOverrides);
  add('Initramfs', initramfsWords(status.request?.initramfs));
  add('InitramfsEtc', (status.request?.initramfs.etc ?? []).map(shownWord));
  for (const remark of status.remarks) rows.push(['Note:', remark]);
  const marks = marksOf(status);
  const suffix = marks.length > 0 ? ` (${marks.join(', ')})` : '';
  const mark = deployment.isBooted ? '●' : ' ';
  const details = tableText(rows.map(([label, value]) => [`    ${label}`, value]));
  return `${mark} ${shownWord(status.treeName)}${suffix}\n${details}`;
}

/** What only a package file brought is told of apart, as rpm-ostree does. */
function withoutFiles(
  packages: readonly string[],
  { local, requested }: { readonly local: readonly string[]; readonly requested: readonly string[] },
): string[] {
  const files = new Set(local.map((entry) => parseFileEntry(entry).nevra.name));
  return packages.filter((name) => !files.has(name) || requested.includes(name));
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
  const time = timestamp === 0 ? [] : [isoTime(timestamp)];
  return version === null ? time : [version, ...time.map((text) => `(${text})`)];
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
    unlocked: status.unlocked ?? 'none',
    'masked-units': status.maskedUnits ?? [],
    ...liveJson(status),
    restarted: (status.restarted ?? []).map(restartJson),
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
    'requested-local-packages': (request?.requestedLocal ?? []).map(nevraOfEntry),
    'requested-local-fileoverride-packages': [],
    'finalization-locked': false,
    ...status.details,
    'requested-base-removals': request?.removals ?? [],
    'base-removals': status.removed.map(nevraJson),
    'requested-base-local-replacements': (request?.replaceLocal ?? []).map(nevraOfEntry),
    'base-local-replacements': replacementsJson(status, null),
    'requested-base-remote-replacements': [...specsBySource(request?.replaceRemote ?? [])],
    'base-remote-replacements': Object.fromEntries(
      [...new Set(status.replaced.flatMap(({ source }) => source ?? []))].map((source) => [
        source,
        replacementsJson(status, source),
      ]),
    ),
    'inactive-overrides': status.inactiveOverrides,
    'inactive-requests': status.inactive,
    ...initramfsJson(request?.initramfs ?? INITRAMFS_OF_TREE),
    ...(status.fallback === undefined ? {} : { fallback: status.fallback }),
    remarks: status.remarks,
  };
}

/** rpm-ostree has the first two, where there is something to tell. */
function liveJson({ applied }: DeploymentStatus): object {
  const { live, inProgress } = applied ?? { live: null, inProgress: null };
  return {
    ...(live === null ? {} : { 'live-replaced': live.commit, 'live-tree-name': live.treeName }),
    ...(inProgress === null ? {} : { 'live-inprogress': inProgress.commit }),
    ...(live === null || applied == null
      ? {}
      : { 'live-packages': applied.packages, 'live-time': applied.time }),
  };
}

/** With rpm-ostree's names. */
export function initramfsJson({ regenerate, args, etc }: InitramfsRequest): object {
  return { 'regenerate-initramfs': regenerate, 'initramfs-args': args, 'initramfs-etc': etc };
}

/** As rpm-ostree: the arguments where there are any. */
function initramfsWords(initramfs: InitramfsRequest | undefined): string[] {
  if (initramfs?.regenerate !== true) return [];
  return initramfs.args.length === 0 ? ['regenerate'] : initramfs.args.map(shownWord);
}

/** As rpm-ostree's `(sstsss)`. */
function nevraJson(text: string): (string | number)[] {
  const { name, epoch, version, release, arch } = parseNevra(text);
  return [text, name, epoch, version, release, arch];
}

/** As rpm-ostree: the new package, then the base's. */
function replacementsJson({ replaced }: DeploymentStatus, source: string | null): unknown[] {
  return replaced
    .filter((one) => one.source === source)
    .map(({ from, to }) => [nevraJson(to), nevraJson(from)]);
}

function nevraOfEntry(entry: string): string {
  return formatNevra(parseFileEntry(entry).nevra);
}
