import { UserError } from '#ostree/format/errors.ts';
import type { Dependency, InstalledPackage, LocalPackage } from '#layering/installed-package.ts';

/** rpm's sense bits for a dependency that must be there before the package's scripts run. */
const PREREQUISITE = 0x40 | 0x200 | 0x400;
/** rpm's own features, which no package provides. */
const RPMLIB = 0x1000000;

/**
 * The compact form in which packages cross into the addon: fields ended by NUL. A record is its letter and a fixed
 * number of fields: `p` name evr arch; `l` location, checksum type, checksum, three sizes and times; a dependency's
 * letter, flags, name, evr; `f` path. A NUL inside a field is refused.
 */
export function packPackages(packages: readonly (InstalledPackage | LocalPackage)[]): Uint8Array {
  const writer = fieldWriter();
  for (const one of packages) packPackage(one, writer.field);
  return writer.finish();
}

type PutField = (text: string | number) => void;

function packPackage(one: InstalledPackage | LocalPackage, put: PutField): void {
  const record = (...fields: (string | number)[]): void => fields.forEach(put);
  record('p', one.name, evrOf(one), one.arch);
  if ('path' in one)
    record('l', one.path, 'sha256', one.sha256, one.packageSize, one.installedSize, one.buildTime);
  packDependencies('P', one.provides, put);
  packRequires(one.requires, put);
  packDependencies('C', one.conflicts, put);
  packDependencies('O', one.obsoletes, put);
  packDependencies('M', one.recommends, put);
  packDependencies('S', one.suggests, put);
  packDependencies('U', one.supplements, put);
  packDependencies('E', one.enhances, put);
  for (const file of one.files) {
    if (!file.startsWith('/')) continue;
    put('f');
    put(file);
  }
}

function packDependencies(letter: string, dependencies: readonly Dependency[], put: PutField): void {
  for (const { name, flags, evr } of dependencies) {
    put(letter);
    put(flags);
    put(name);
    put(evr);
  }
}

/** Prerequisites have a letter of their own: the addon keeps them apart for the order of installation. */
function packRequires(requires: readonly Dependency[], put: PutField): void {
  const needed = requires.filter(({ name, flags }) => (flags & RPMLIB) === 0 && !name.startsWith('rpmlib('));
  for (const one of needed) packDependencies((one.flags & PREREQUISITE) === 0 ? 'R' : 'Q', [one], put);
}

/** Encodes by hand: a base has hundreds of thousands of fields, nearly all of them ASCII, and joining them is slower. */
function fieldWriter(): { field: PutField; finish(): Uint8Array } {
  let bytes = new Uint8Array(1 << 16);
  let length = 0;
  const field: PutField = (value) => {
    const text = typeof value === 'string' ? value : String(value);
    // A UTF-16 unit takes at most three bytes.
    if (length + text.length * 3 + 1 > bytes.length) bytes = grown(bytes, text.length * 3 + 1);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0) throw new UserError('BAD_RPM', `a package's header holds a NUL in '${text}'`);
      if (code > 127) {
        length += new TextEncoder().encodeInto(text.slice(i), bytes.subarray(length)).written;
        break;
      }
      bytes[length++] = code;
    }
    bytes[length++] = 0;
  };
  return { field, finish: () => bytes.subarray(0, length) };
}

function grown(bytes: Uint8Array, more: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2 + more);
  larger.set(bytes);
  return larger;
}

/** As the metadata of repositories writes it: no epoch where it is 0. */
function evrOf({ epoch, version, release }: InstalledPackage): string {
  return `${epoch === 0 ? '' : `${epoch}:`}${version}-${release}`;
}
