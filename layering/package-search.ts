/** `search` and `info`: packages of the repositories by their texts and names. */
import type { PackageDetails } from '#native/solver.ts';
import { UserError } from '#ostree/format/errors.ts';
import { compareEvr } from '#layering/evr.ts';
import type { InstalledPackage } from '#layering/installed-package.ts';
import type { PackageState, PackageWorld } from '#layering/package-world.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { getNumber, getString } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';
import { installedSize } from '#layering/solver-input.ts';
import { unknownSpecs } from '#layering/solve-unknown.ts';

/** Where the words were found; the order in which results are told. */
export const MATCHES = ['exact name', 'name', 'name and summary', 'summary', 'other'] as const;
export type Match = (typeof MATCHES)[number];

export interface FoundPackage {
  readonly details: PackageDetails;
  readonly state: PackageState;
  readonly match: Match;
}

/** The newest package of each name in which every word occurs, the best matches first. */
export async function searchPackages(
  world: PackageWorld,
  words: readonly string[],
  everywhere: boolean,
): Promise<FoundPackage[]> {
  const sack = await world.sack(false);
  const newest = newestOfEach(sack.search(words, everywhere));
  return newest
    .map((details) => ({ details, state: world.stateOf(details), match: matchOf(details, words) }))
    .sort(
      (a, b) =>
        MATCHES.indexOf(a.match) - MATCHES.indexOf(b.match) ||
        compareText(a.details.name, b.details.name) ||
        compareText(a.details.arch, b.details.arch),
    );
}

export interface PackageInfo {
  readonly details: PackageDetails;
  readonly state: PackageState;
}

/**
 * All that there is of the packages that the specs select: the newest of the repositories, and those of the base.
 * @throws UserError UNSOLVABLE naming every spec that selects nothing
 */
export async function packageInfo(world: PackageWorld, specs: readonly string[]): Promise<PackageInfo[]> {
  const sack = await world.sack(specs.some((spec) => spec.startsWith('/')));
  const found = specs.map((spec) => ({ spec, packages: sack.details(spec) }));
  const unknown = found.filter(({ packages }) => packages.length === 0).map(({ spec }) => spec);
  if (unknown.length > 0) throw unknownError(unknownSpecs(sack, unknown, []));
  const all = found.flatMap(({ packages }) => packages);
  const base = all.filter(({ installed }) => installed).map((one) => baseDetails(world, one));
  const shown = new Set(base.map(keyOf));
  const offered = newestOfEach(all.filter(({ installed }) => !installed)).filter(
    (one) => !shown.has(keyOf(one)),
  );
  return [...base, ...offered]
    .map((details) => ({ details, state: world.stateOf(details) }))
    .sort((a, b) => compareText(a.details.name, b.details.name));
}

function unknownError(problems: ReturnType<typeof unknownSpecs>): UserError {
  const hint = problems.flatMap(({ hint }) => hint ?? []).join('; ');
  return new UserError(
    'UNSOLVABLE',
    problems.map(({ message }) => message).join('\n'),
    hint === '' ? {} : { hint },
  );
}

/** The texts of a base package are in its header only. */
function baseDetails({ facts }: PackageWorld, found: PackageDetails): PackageDetails {
  const header = facts.database
    .headers()
    .map(({ header }) => header)
    .find((one) => keyOf({ ...found, ...nevraOf(one) }) === keyOf(found));
  if (header === undefined) return found;
  const text = (tag: number): string => getString(header, tag) ?? '';
  return {
    ...found,
    summary: text(TAG.SUMMARY),
    description: text(TAG.DESCRIPTION),
    license: text(TAG.LICENSE),
    url: text(TAG.URL),
    sourceRpm: text(TAG.SOURCERPM),
    installedSize: installedSize(header),
    buildTime: getNumber(header, TAG.BUILDTIME) ?? 0,
  };
}

/** One per name and architecture. */
function newestOfEach(packages: readonly PackageDetails[]): PackageDetails[] {
  const newest = new Map<string, PackageDetails>();
  for (const one of packages) {
    const key = `${one.name}.${one.arch}`;
    const known = newest.get(key);
    if (known === undefined || compareEvr(one, known) > 0) newest.set(key, one);
  }
  return [...newest.values()];
}

export function matchOf(
  { name, summary }: Pick<PackageDetails, 'name' | 'summary'>,
  words: readonly string[],
): Match {
  const inText = (text: string): boolean =>
    words.every((word) => text.toLowerCase().includes(word.toLowerCase()));
  if (words.some((word) => word.toLowerCase() === name.toLowerCase())) return 'exact name';
  const [inName, inSummary] = [inText(name), inText(summary)];
  if (inName) return inSummary ? 'name and summary' : 'name';
  return inText(`${name}\n${summary}`) ? 'summary' : 'other';
}

function keyOf(one: Pick<InstalledPackage, 'name' | 'epoch' | 'version' | 'release' | 'arch'>): string {
  return [one.name, one.epoch, one.version, one.release, one.arch].join('\0');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
