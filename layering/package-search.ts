/** `search` and `info`: packages of the repositories by their texts and names. */
import type { PackageDetails } from '#native/solver.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { compareEvr } from '#layering/evr.ts';
import { formatNevra } from '#layering/nevra.ts';
import type { PackageState, PackageWorld } from '#layering/package-world.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { getNumber, getString, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';
import { problemsError } from '#layering/problem-commands.ts';
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
        compareBytewise(a.details.name, b.details.name) ||
        compareBytewise(a.details.arch, b.details.arch),
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
  if (unknown.length > 0) throw problemsError(unknownSpecs(sack, unknown));
  const all = found.flatMap(({ packages }) => packages);
  const base = withTexts(
    world,
    all.filter(({ installed }) => installed),
  );
  const shown = new Set(base.map(formatNevra));
  const offered = newestOfEach(all.filter(({ installed }) => !installed)).filter(
    (one) => !shown.has(formatNevra(one)),
  );
  return [...base, ...offered]
    .map((details) => ({ details, state: world.stateOf(details) }))
    .sort((a, b) => compareBytewise(a.details.name, b.details.name));
}

/** The texts of base packages are in their headers only. */
function withTexts({ facts }: PackageWorld, found: readonly PackageDetails[]): PackageDetails[] {
  if (found.length === 0) return [];
  const headers = new Map(
    facts.database.headers().map(({ header }) => [formatNevra(nevraOf(header)), header] as const),
  );
  return found.map((one) => {
    const header = headers.get(formatNevra(one));
    return header === undefined ? one : { ...one, ...textsOf(header) };
  });
}

function textsOf(header: RpmHeader): Partial<PackageDetails> {
  const text = (tag: number): string => getString(header, tag) ?? '';
  return {
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
