import type { Sack, SackPackage } from '#native/solver.ts';
import { compareEvr, formatEvr } from '#layering/evr.ts';
import type { SolveProblem } from '#layering/problems.ts';

const MOST_SUGGESTIONS = 5;
const MOST_VERSIONS = 5;
const MOST_GROUPS = 12;

/** Where the words of a request were looked for. */
export interface SearchedWorld {
  /** The groups that there are, without the `@`. */
  readonly groupIds?: readonly string[];
  /** How many repositories are enabled. */
  readonly repositories?: number;
}

/**
 * One problem that names every word of the request that nothing matches, and one that names those of which there are
 * only other versions; none where all are known.
 */
export function unknownSpecs(
  sack: Sack,
  specs: readonly string[],
  world: SearchedWorld = {},
): SolveProblem[] {
  const found = specs.map((spec) => ({ spec, other: otherVersions(sack, spec) }));
  const versions = found.flatMap(({ spec, other }) => (other === null ? [] : [{ spec, other }]));
  return [...noSuchVersion(versions), ...noSuchName(sack, unmatched(found), world)];
}

function unmatched(found: readonly { readonly spec: string; readonly other: string | null }[]): string[] {
  return found.filter(({ other }) => other === null).map(({ spec }) => spec);
}

function noSuchVersion(found: readonly { readonly spec: string; readonly other: string }[]): SolveProblem[] {
  if (found.length === 0) return [];
  const rules = found.map(({ other }) => other);
  const specs = found.map(({ spec }) => spec).join(', ');
  return [{ message: `no such version: ${specs} (${[...new Set(rules)].join('; ')})`, rules }];
}

function noSuchName(sack: Sack, specs: readonly string[], world: SearchedWorld): SolveProblem[] {
  if (specs.length === 0) return [];
  const rules = specs.map((spec) => whyUnknown(sack, spec));
  const similar = [...new Set(specs.flatMap((spec) => similarNames(sack, spec)))];
  const hints = [
    ...(world.repositories === 0 ? ['no repository is enabled'] : []),
    ...(similar.length > 0 ? [`similar names: ${similar.join(', ')}`] : []),
    ...(specs.some((spec) => spec.startsWith('@')) ? [groupsHint(specs, world.groupIds ?? [])] : []),
  ];
  return [
    {
      message: `no such package or group: ${specs.join(', ')}${detailsOf(rules)}`,
      rules: rules.map(({ sentence }) => sentence),
      ...(hints.length > 0 ? { hint: hints.join('; ') } : {}),
    },
  ];
}

/** The groups whose ids resemble what was asked for, or else the first of all. */
function groupsHint(specs: readonly string[], groupIds: readonly string[]): string {
  if (groupIds.length === 0) return 'no enabled repository has groups';
  const sorted = [...new Set(groupIds)].sort();
  const asked = specs.filter((spec) => spec.startsWith('@')).map((spec) => spec.slice(1).toLowerCase());
  const similar = sorted.filter((id) => asked.some((one) => resembles(id.toLowerCase(), one)));
  const listed = similar.length > 0 ? similar : sorted;
  const shown = listed.slice(0, MOST_GROUPS).map((id) => `@${id}`);
  const rest = listed.length > MOST_GROUPS ? ` and ${listed.length - MOST_GROUPS} more` : '';
  return `${similar.length > 0 ? 'similar groups' : 'groups there are'}: ${shown.join(', ')}${rest}`;
}

function resembles(id: string, asked: string): boolean {
  return asked.length >= 3 && (id.includes(asked) || asked.includes(id));
}

/** One problem for each request that was met before and that no repository has any more. */
export function vanishedRequests(
  specs: readonly string[],
  earlier: (spec: string) => readonly string[] | null = () => null,
): SolveProblem[] {
  return specs.flatMap((spec) => {
    const sources = earlier(spec);
    if (sources === null) return [];
    const from = sources.length > 0 ? `, which came from ${sources.join(', ')}` : '';
    const [id = 'ID'] = sources;
    return [
      {
        message: `an earlier request (layered already) is in no enabled repository now: ${spec}${from}`,
        rules: [],
        hint: `uninstall ${spec}, or enable the repository that it came from (--enablerepo ${id}, --repofrompath ${id},PATH)`,
        asked: [{ kind: 'install' as const, request: spec, label: spec }],
        cause: { kind: 'missing' as const },
      },
    ];
  });
}

/** One problem that names every package that cannot be taken out of the base because it is not in it. */
export function unknownRemovals(names: readonly string[]): SolveProblem[] {
  if (names.length === 0) return [];
  const list = names.join(', ');
  return [{ message: `not in the base, so cannot be removed from it: ${list}`, rules: [] }];
}

interface Unknown {
  readonly sentence: string;
  /** Whether the sentence says more than that there is none. */
  readonly known: boolean;
}

function detailsOf(rules: readonly Unknown[]): string {
  const known = rules.filter(({ known }) => known).map(({ sentence }) => sentence);
  return known.length > 0 ? ` (${known.join('; ')})` : '';
}

function whyUnknown(sack: Sack, spec: string): Unknown {
  if (spec.startsWith('@')) return { sentence: `no enabled repository has the group ${spec}`, known: false };
  const hidden = sack.query(spec, true)[0];
  if (hidden === undefined)
    return { sentence: `nothing in the enabled repositories matches ${spec}`, known: false };
  const { name, arch, repo } = hidden;
  const why = arch === 'src' ? 'is a source package' : 'is excluded or made for another architecture';
  return { sentence: `${name}.${arch} of ${repo} ${why}`, known: true };
}

/** Where only the version is wrong: which versions there are, the newest first. */
function otherVersions(sack: Sack, spec: string): string | null {
  const name = sack.query(spec, true).length > 0 ? null : nameOf(sack, spec);
  if (name === null) return null;
  const found = sack.query(name, false).sort(newestFirst).map(formatEvr);
  const versions = [...new Set(found)];
  const shown = versions.slice(0, MOST_VERSIONS).join(', ');
  const rest = versions.length > MOST_VERSIONS ? ` and ${versions.length - MOST_VERSIONS} older` : '';
  return `of ${name} there is only ${shown}${rest}`;
}

/** The name in `NAME OP VERSION`, `NAME-VERSION`, `NAME-VERSION-RELEASE[.ARCH]` where it is one; null elsewhere. */
function nameOf(sack: Sack, spec: string): string | null {
  const [, related] = /^(\S+)\s*(?:[<>]=?|=)\s*\S+$/.exec(spec) ?? [];
  const dashed = [...spec.matchAll(/-(?=\d)/g)].map(({ index }) => spec.slice(0, index)).reverse();
  const candidates = related === undefined ? dashed : [related.replace(/[<>=]+$/, '')];
  return candidates.find((name) => name !== '' && sack.query(name, false).length > 0) ?? null;
}

function newestFirst(a: SackPackage, b: SackPackage): number {
  return compareEvr(b, a);
}

function similarNames(sack: Sack, spec: string): string[] {
  if (!/^[A-Za-z0-9._+-]{3,}$/.test(spec)) return [];
  const names = sack.query(`*${spec}*`, false).map(({ name }) => name);
  return [...new Set(names)].sort((a, b) => a.length - b.length).slice(0, MOST_SUGGESTIONS);
}
