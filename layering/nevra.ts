import { UserError } from '#ostree/format/errors.ts';
import { formatEvr, parseEvr } from '#layering/evr.ts';

/** What names one build of a package. */
export interface Nevra {
  readonly name: string;
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  /** '' for what has none: the keys that a database lists as `gpg-pubkey`. */
  readonly arch: string;
}

/** `NAME-[EPOCH:]VERSION-RELEASE.ARCH`; an epoch of 0 is left out. */
export function formatNevra(nevra: Nevra): string {
  return withArch(`${nevra.name}-${formatEvr(nevra)}`, nevra.arch);
}

/** As `rpm -qa` prints it: without an epoch. */
export function formatNvra(nevra: Nevra): string {
  return withArch(`${nevra.name}-${nevra.version}-${nevra.release}`, nevra.arch);
}

/** The inverse of `formatNevra`; an explicit `0:` is read too. @throws UserError BAD_NEVRA */
export function parseNevra(text: string): Nevra {
  const dot = text.lastIndexOf('.');
  const dash = text.lastIndexOf('-', dot);
  const earlier = text.lastIndexOf('-', dash - 1);
  const { epoch, version, release } = parseEvr(text.slice(earlier + 1, Math.max(dot, 0)));
  const nevra = { name: text.slice(0, Math.max(earlier, 0)), epoch, version, release: release ?? '' };
  const arch = text.slice(dot + 1);
  if (dot < 0 || Object.values({ ...nevra, arch }).includes(''))
    throw new UserError('BAD_NEVRA', `'${text}' is not NAME-[EPOCH:]VERSION-RELEASE.ARCH`);
  return { ...nevra, arch };
}

/**
 * What is wrong with a package's identity; null where nothing is. It becomes part of file, ref and tree names, so only
 * the characters that rpm's own tools allow there are taken.
 */
export function nevraFault({ name, version, release, arch }: Omit<Nevra, 'epoch'>): string | null {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name)) return fault('name', name);
  if (`${name}${arch}`.length > LONGEST_NAME) return `its name has ${name.length} characters`;
  if (!/^[A-Za-z0-9._+~^]+$/.test(version)) return fault('version', version);
  if (!/^[A-Za-z0-9._+~^]+$/.test(release)) return fault('release', release);
  return /^[A-Za-z0-9_]+$/.test(arch) ? null : fault('architecture', arch);
}

/** File systems allow 255 bytes, and a file of ours has some more in its name. */
const LONGEST_NAME = 200;

function fault(what: string, text: string): string {
  return `its ${what} ${JSON.stringify(text.slice(0, LONGEST_NAME))} holds characters that none may have`;
}

function withArch(text: string, arch: string): string {
  return arch === '' ? text : `${text}.${arch}`;
}
