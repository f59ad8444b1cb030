/** What queries print, for people and for programs. Pure. */
import { shownText, shownWord } from '#cli/report-error.ts';
import { countText, isoTime, sizeText, tableText } from '#cli/report.ts';
import { advisoryJson, advisoryLines } from '#cli/update-text.ts';
import type { GroupInfo, GroupSummary } from '#layering/group-list.ts';
import { formatEvr } from '#layering/evr.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { isEmptyDiff, type PackageDiff, type VersionChange } from '#layering/package-diff.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { MATCHES, type FoundPackage, type PackageInfo } from '#layering/package-search.ts';
import type { PackageState } from '#layering/package-world.ts';
import type { RefreshedRepository } from '#layering/refresh-metadata.ts';
import type { ChangelogEntry } from '#layering/rpm-changelog.ts';
import type { Advisory } from '#layering/updateinfo.ts';
import type { NamedCommit, TreeDiff } from '#layering/tree-packages.ts';

export function searchText(found: readonly FoundPackage[]): string {
  if (found.length === 0) return 'No package matches.\n';
  return MATCHES.map((match) => {
    const packages = found.filter((one) => one.match === match);
    const rows = packages.map(({ details, state }) => [
      `  ${details.name}.${details.arch}`,
      markOf(state),
      details.summary,
    ]);
    return packages.length === 0 ? null : `Matched ${match}:\n${tableText(rows)}`;
  })
    .filter((section) => section !== null)
    .join('\n');
}

export function searchJson(found: readonly FoundPackage[]): object {
  return { packages: found.map(({ match, ...one }) => ({ match, ...packageJson(one) })) };
}

export function infoText(found: readonly PackageInfo[]): string {
  return found
    .map(({ details, state }) => {
      const rows: [string, string][] = [
        ['Name', details.name],
        ...(details.epoch === 0 ? [] : ([['Epoch', String(details.epoch)]] as [string, string][])),
        ['Version', details.version],
        ['Release', details.release],
        ['Architecture', details.arch],
        ['State', state],
        ['Repository', details.installed ? 'the base' : details.repo],
        ['Size', details.packageSize > 0 ? sizeText(details.packageSize) : ''],
        ['Installed size', details.installedSize > 0 ? sizeText(details.installedSize) : ''],
        ['Built', details.buildTime > 0 ? isoTime(details.buildTime) : ''],
        ['Source', details.sourceRpm],
        ['Summary', details.summary],
        ['URL', details.url],
        ['License', details.license],
      ];
      const shown = rows.filter(([, value]) => value !== '').map(([label, value]) => [`${label}:`, value]);
      const description = details.description === '' ? '' : `\n${indented(details.description)}\n`;
      return `${tableText(shown)}${description}`;
    })
    .join('\n');
}

export function infoJson(found: readonly PackageInfo[]): object {
  return { packages: found.map(packageJson) };
}

export function groupListText(groups: readonly GroupSummary[]): string {
  if (groups.length === 0) return 'No enabled repository has groups.\n';
  return tableText(groups.map(({ id, name, kind, layered }) => [`@${id}`, groupMark(kind, layered), name]));
}

function groupMark(kind: GroupSummary['kind'], layered: boolean): string {
  if (layered) return 'layered';
  return kind === 'environment' ? kind : '';
}

export function groupListJson(groups: readonly GroupSummary[]): object {
  return { groups };
}

export function groupInfoText(groups: readonly GroupInfo[]): string {
  return groups
    .map(({ id, name, description, layered, members }) => {
      const rows = members.map((member) => [
        `  ${member.name}`,
        member.kind === 'conditional' ? `with ${member.requires ?? ''}` : member.kind,
        member.state === null ? 'in no repository' : markOf(member.state),
      ]);
      const about = description === '' ? '' : `${indented(description)}\n`;
      return `@${shownWord(id)}  ${shownWord(name)}${layered ? '  (layered)' : ''}\n${about}${tableText(rows)}`;
    })
    .join('\n');
}

export function groupInfoJson(groups: readonly GroupInfo[]): object {
  return { groups };
}

export function refreshText(repositories: readonly RefreshedRepository[]): string {
  if (repositories.length === 0) return 'No repository is enabled.\n';
  return tableText(repositories.map(({ id, name, packages }) => [id, countText(packages), name]));
}

export function refreshJson(repositories: readonly RefreshedRepository[]): object {
  return {
    repositories: repositories.map(({ id, name, repomdChecksum, packages }) => ({
      id,
      name,
      'repomd-checksum': repomdChecksum,
      packages,
    })),
  };
}

interface PackageList {
  readonly commit: NamedCommit;
  readonly packages: readonly Nevra[];
}

export function dbListText(lists: readonly PackageList[]): string {
  return lists
    .map(({ commit, packages }) => {
      const lines = packages.map((nevra) => ` ${shownWord(formatNevra(nevra))}\n`).join('');
      return `ostree commit: ${commitText(commit)}\n${lines}`;
    })
    .join('\n');
}

export function dbListJson(lists: readonly PackageList[]): object {
  return {
    commits: lists.map(({ commit, packages }) => ({ ...commit, packages: packages.map(formatNevra) })),
  };
}

interface PackagesVersion {
  readonly commit: NamedCommit;
  readonly count: number;
  readonly digest: string;
}

export function dbVersionText(versions: readonly PackagesVersion[]): string {
  return versions
    .map(({ commit, digest }) => `ostree commit: ${commitText(commit)}\n  rpmdb version: ${digest}\n`)
    .join('');
}

export function dbVersionJson(versions: readonly PackagesVersion[]): object {
  return {
    commits: versions.map(({ commit, count, digest }) => ({
      ...commit,
      packages: count,
      'rpmdb-version': digest,
    })),
  };
}

/** A tree's diff with the advisories of what it brings; null where they were not asked for. */
export type ShownDiff = TreeDiff & { readonly advisories: readonly Advisory[] | null };

/** `-` and `+` before each package, as a diff of two lists. */
export function dbDiffLines({ diff }: ShownDiff): string {
  const changes = [...diff.upgraded, ...diff.downgraded];
  const lines = [
    ...[...diff.removed, ...changes.map(({ from }) => from)].map((one) => ({ sign: '-', one })),
    ...[...diff.added, ...changes.map(({ to }) => to)].map((one) => ({ sign: '+', one })),
  ];
  const order = (a: Nevra, b: Nevra): number => (a.name < b.name ? -1 : Number(a.name > b.name));
  return lines
    .sort((a, b) => order(a.one, b.one) || (a.sign === b.sign ? 0 : a.sign === '-' ? -1 : 1))
    .map(({ sign, one }) => `${sign}${shownWord(formatNevra(one))}\n`)
    .join('');
}

/** In the form of `rpm-ostree db diff`. */
export function dbDiffText({ from, to, diff, changelogs, advisories }: ShownDiff): string {
  const head = `ostree diff commit from: ${commitText(from)}\nostree diff commit to:   ${commitText(to)}\n`;
  if (isEmptyDiff(diff)) return `${head}No package differs.\n`;
  const change = ({ from: old, to: now }: VersionChange): string => {
    const log = (changelogs.get(formatNevra(now)) ?? []).map(entryText).join('');
    return `  ${shownWord(now.name)} ${shownWord(formatEvr(old))} -> ${shownWord(formatEvr(now))}\n${log}`;
  };
  const plain = (nevra: Nevra): string => `  ${shownWord(formatNevra(nevra))}\n`;
  return [
    head,
    section('Upgraded', diff.upgraded.map(change)),
    section('Downgraded', diff.downgraded.map(change)),
    section('Removed', diff.removed.map(plain)),
    section('Added', diff.added.map(plain)),
    ...advisoryLines(advisories ?? []),
  ].join('');
}

export function dbDiffJson({ from, to, diff, changelogs, advisories }: ShownDiff): object {
  const change = ({ from: old, to: now }: VersionChange): object => ({
    name: now.name,
    arch: now.arch,
    from: formatEvr(old),
    to: formatEvr(now),
    ...(changelogs.size > 0 ? { changelog: changelogs.get(formatNevra(now)) ?? [] } : {}),
  });
  return {
    'ostree-commit-from': from.checksum,
    'ostree-commit-to': to.checksum,
    upgraded: diff.upgraded.map(change),
    downgraded: diff.downgraded.map(change),
    removed: diff.removed.map(formatNevra),
    added: diff.added.map(formatNevra),
    pkgdiff: pkgdiffJson(diff),
    ...(advisories === null ? {} : { advisories: advisories.map(advisoryJson) }),
  };
}

/** As rpm-ostree's `a(sua{sv})`. */
function pkgdiffJson({ added, removed, upgraded, downgraded }: PackageDiff): unknown[] {
  const plain = ({ name, arch, ...evr }: Nevra): string[] => [name, formatEvr(evr), arch];
  const change =
    (type: number): ((one: VersionChange) => [string, number, object]) =>
    ({ from, to }) => [to.name, type, { PreviousPackage: plain(from), NewPackage: plain(to) }];
  const rows: [string, number, object][] = [
    ...added.map((one): [string, number, object] => [one.name, 0, { NewPackage: plain(one) }]),
    ...removed.map((one): [string, number, object] => [one.name, 1, { PreviousPackage: plain(one) }]),
    ...upgraded.map(change(2)),
    ...downgraded.map(change(3)),
  ];
  return rows.sort(([a], [b]) => compareBytewise(a, b));
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.join('')}`;
}

function entryText({ time, author, text }: ChangelogEntry): string {
  return `    * ${isoTime(time).slice(0, 10)} ${shownWord(author)}\n${indented(text, '      ')}\n`;
}

function commitText({ label, checksum }: NamedCommit): string {
  return label === checksum ? checksum : `${shownWord(label)} (${checksum})`;
}

function packageJson({ details, state }: PackageInfo): object {
  return {
    nevra: formatNevra(details),
    name: details.name,
    epoch: details.epoch,
    version: details.version,
    release: details.release,
    arch: details.arch,
    state,
    repo: details.installed ? null : details.repo,
    summary: details.summary,
    description: details.description,
    license: details.license,
    url: details.url,
    'source-rpm': details.sourceRpm,
    'package-size': details.packageSize,
    'installed-size': details.installedSize,
    'build-time': details.buildTime,
  };
}

function markOf(state: PackageState): string {
  return state === 'available' ? '' : state;
}

function indented(text: string, by = '  '): string {
  return shownText(text.trimEnd())
    .split('\n')
    .map((line) => `${by}${line}`.trimEnd())
    .join('\n');
}
