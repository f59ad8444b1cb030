/** Which package of the base a word of a command means. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { formatEvr } from '#layering/evr.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';

/** The packages of the base, of which only an override takes one out. */
export interface BaseFactsOfWords {
  /** Names of the base's packages. */
  readonly basePackages: ReadonlySet<string>;
  /** The same, each build of them. */
  readonly installed: readonly Nevra[];
}

/**
 * The name of the base's packages that a word means, as dnf and rpm-ostree read it: `NAME`, `NAME.ARCH`,
 * `NAME-[EPOCH:]VERSION`, with `-RELEASE` and with `.ARCH`. null where the base has no such package.
 * @throws UserError USAGE where it means only one of several packages of the name, which go together
 */
export function baseWord(word: string, { basePackages, installed }: BaseFactsOfWords): string | null {
  if (basePackages.has(word)) return word;
  const meant = installed.find((one) => formsOf(one).includes(word));
  if (meant === undefined) return null;
  const { name } = meant;
  const others = installed.filter((one) => one.name === name && !formsOf(one).includes(word));
  if (others.length === 0) return name;
  throw new UserError('USAGE', `${word}: the base has ${others.map(formatNevra).join(', ')} too`, {
    hint: `packages of one name go together: name ${name}`,
  });
}

/** What the base has of the name that a word begins with, for a message: ` (the base has …)`. */
export function baseOfWord(word: string, { installed }: BaseFactsOfWords): string {
  const found = installed.filter(({ name }) => isVersionOf(word, name));
  return found.length === 0 ? '' : ` (the base has ${found.map(formatNevra).join(', ')})`;
}

/** Whether `text` is NAME-VERSION… of `name`, whatever the version is. */
export function isVersionOf(text: string, name: string): boolean {
  return text.startsWith(`${name}-`) && /^[0-9][^-]*(-[^-]+)?$/.test(text.slice(name.length + 1));
}

function formsOf(nevra: Nevra): string[] {
  const { name, epoch, version, release, arch } = nevra;
  const versions = [
    version,
    `${epoch}:${version}`,
    `${version}-${release}`,
    `${epoch}:${version}-${release}`,
    formatEvr(nevra),
  ];
  const forms = versions.map((one) => `${name}-${one}`);
  return [`${name}.${arch}`, ...forms, ...forms.map((one) => `${one}.${arch}`)];
}
