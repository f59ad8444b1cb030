/** What a package requires, provides and so on, as its header says. */
import { badHeader, getNumbers, getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';

export type DependencyKind =
  | 'requires'
  | 'provides'
  | 'conflicts'
  | 'obsoletes'
  | 'recommends'
  | 'suggests'
  | 'supplements'
  | 'enhances';

export interface RpmDependency {
  /** A name, a path, or a rich dependency in parentheses. */
  readonly name: string;
  /** Bits of `SENSE`. */
  readonly flags: number;
  /** `[EPOCH:]VERSION[-RELEASE]`, or ''. */
  readonly version: string;
}

const TAGS: Readonly<Record<DependencyKind, readonly [name: number, flags: number, version: number]>> = {
  requires: [TAG.REQUIRENAME, TAG.REQUIREFLAGS, TAG.REQUIREVERSION],
  provides: [TAG.PROVIDENAME, TAG.PROVIDEFLAGS, TAG.PROVIDEVERSION],
  conflicts: [TAG.CONFLICTNAME, TAG.CONFLICTFLAGS, TAG.CONFLICTVERSION],
  obsoletes: [TAG.OBSOLETENAME, TAG.OBSOLETEFLAGS, TAG.OBSOLETEVERSION],
  recommends: [TAG.RECOMMENDNAME, TAG.RECOMMENDFLAGS, TAG.RECOMMENDVERSION],
  suggests: [TAG.SUGGESTNAME, TAG.SUGGESTFLAGS, TAG.SUGGESTVERSION],
  supplements: [TAG.SUPPLEMENTNAME, TAG.SUPPLEMENTFLAGS, TAG.SUPPLEMENTVERSION],
  enhances: [TAG.ENHANCENAME, TAG.ENHANCEFLAGS, TAG.ENHANCEVERSION],
};

/** In the header's order. @throws UserError BAD_RPM_HEADER where the three lists differ in length */
export function readDependencies(header: RpmHeader, kind: DependencyKind): RpmDependency[] {
  const [nameTag, flagsTag, versionTag] = TAGS[kind];
  const names = getStrings(header, nameTag);
  const flags = getNumbers(header, flagsTag);
  const versions = getStrings(header, versionTag);
  if ([flags.length, versions.length].some((length) => length !== 0 && length !== names.length))
    throw badHeader(header.where, `its lists of what it ${kind} differ in length`);
  return names.map((name, i) => ({ name, flags: flags[i] ?? 0, version: versions[i] ?? '' }));
}
