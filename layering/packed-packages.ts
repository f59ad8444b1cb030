import type { Dependency, InstalledPackage, LocalPackage } from '#layering/installed-package.ts';

/** rpm's sense bits for a dependency that must be there before the package's scripts run. */
const PREREQUISITE = 0x40 | 0x200 | 0x400;
/** rpm's own features, which no package provides. */
const RPMLIB = 0x1000000;

/**
 * The compact form in which packages cross into the addon: fields ended by NUL. A record is its letter and a fixed
 * number of fields: `p` name evr arch; `l` location, checksum type, checksum, three sizes and times; a dependency's
 * letter, flags, name, evr; `f` path. NUL cannot occur: header strings end at it.
 */
export function packPackages(packages: readonly (InstalledPackage | LocalPackage)[]): Uint8Array {
  const fields: (string | number)[] = [];
  for (const one of packages) pushPackage(fields, one);
  return fields.length === 0 ? new Uint8Array(0) : Buffer.from(`${fields.join('\0')}\0`, 'utf8');
}

function pushPackage(fields: (string | number)[], one: InstalledPackage | LocalPackage): void {
  fields.push('p', one.name, evrOf(one), one.arch);
  if ('path' in one)
    fields.push('l', one.path, 'sha256', one.sha256, one.packageSize, one.installedSize, one.buildTime);
  const add = (letter: string, dependencies: readonly Dependency[]): void => {
    for (const { name, flags, evr } of dependencies) fields.push(letter, flags, name, evr);
  };
  const needed = one.requires.filter(
    ({ name, flags }) => (flags & RPMLIB) === 0 && !name.startsWith('rpmlib('),
  );
  add('P', one.provides);
  add(
    'R',
    needed.filter(({ flags }) => (flags & PREREQUISITE) === 0),
  );
  add(
    'Q',
    needed.filter(({ flags }) => (flags & PREREQUISITE) !== 0),
  );
  add('C', one.conflicts);
  add('O', one.obsoletes);
  add('M', one.recommends);
  add('S', one.suggests);
  add('U', one.supplements);
  add('E', one.enhances);
  for (const file of one.files) if (file.startsWith('/')) fields.push('f', file);
}

/** As the metadata of repositories writes it: no epoch where it is 0. */
function evrOf({ epoch, version, release }: InstalledPackage): string {
  return `${epoch === 0 ? '' : `${epoch}:`}${version}-${release}`;
}
