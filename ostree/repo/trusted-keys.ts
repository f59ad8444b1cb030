/** Which OpenPGP keys are trusted for a remote, and what is said of signatures that none of them made. */
import fs from 'node:fs';
import path from 'node:path';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { describeSignature, isAnyGood, type GpgSignature } from '#ostree/repo/gpg-status.ts';
import { verifyGpg } from '#ostree/repo/gpg.ts';
import { separatedList, type Remote } from '#ostree/repo/remote.ts';
import type { Repo } from '#ostree/repo/repo.ts';

const SYSTEM_KEYS = '/usr/share/ostree/trusted.gpg.d';
const SUFFIX = '.trustedkeys.gpg';

export interface TrustSettings {
  /** Instead of the system's directory of keyrings: `OSTREE_GPG_HOME`. */
  readonly globalDirectory: string | undefined;
  /** Instead of the system's directories of Ed25519 keys. */
  readonly ed25519Directories?: readonly string[];
}

/** The keyring of one remote, below the repository. */
export function remoteKeyring(remote: string): string {
  return `${remote}${SUFFIX}`;
}

/**
 * The keyrings for a remote: its own (here, else in the parent repository) and its `gpgkeypath`; where it has neither,
 * the system's.
 * @throws UserError NO_KEY where a file that `gpgkeypath` names is not there
 */
export function remoteKeyrings(repo: Repo, remote: Remote, trust: TrustSettings): Uint8Array[] {
  const own = ownKeyring(repo, remote.name);
  const named = separatedList(remote.gpgKeyPath ?? '').flatMap((file) => namedKeys(file));
  const found = [...(own === null ? [] : [own]), ...named];
  return found.length > 0 ? found : globalKeyrings(trust);
}

function ownKeyring(repo: Repo, remote: string): Uint8Array | null {
  const found = readKeys(path.join(repo.path, remoteKeyring(remote)));
  return found ?? (repo.parent === null ? null : ownKeyring(repo.parent, remote));
}

/** The system's keyrings and those of all remotes. */
export function allKeyrings(repo: Repo, trust: TrustSettings): Uint8Array[] {
  const files = fs.readdirSync(repo.path).filter((name) => name.endsWith(SUFFIX));
  return [...globalKeyrings(trust), ...files.map((name) => fs.readFileSync(path.join(repo.path, name)))];
}

/** The keyrings that are not a remote's. */
export function globalKeyrings({ globalDirectory }: TrustSettings): Uint8Array[] {
  return keysIn(globalDirectory ?? SYSTEM_KEYS) ?? [];
}

/** The keys of a file, or of the `.gpg` and `.asc` files of a directory. @throws UserError NO_KEY */
export function namedKeys(file: string): Uint8Array[] {
  const found = keysIn(file) ?? readKeys(file);
  if (found === null) throw new UserError('NO_KEY', `Loading keys (${file}): No such file or directory`);
  return Array.isArray(found) ? found : [found];
}

/** The signatures in an `a{sv}` beside what was signed. */
export function gpgSignatures(detached: VariantDict | null): Uint8Array[] {
  const found = detached === null ? undefined : lookupVariant(detached, 'ostree.gpgsigs', 'aay');
  return (found as Uint8Array[] | undefined) ?? [];
}

/** @throws UserError BAD_SIGNATURE where none of the signatures is good */
export function requireGpgSignature(
  signed: { readonly what: string; readonly data: Uint8Array; readonly detached: VariantDict | null },
  keyrings: readonly Uint8Array[],
  now: number,
): GpgSignature[] {
  const signatures = gpgSignatures(signed.detached);
  if (signatures.length === 0)
    throw new UserError(
      'BAD_SIGNATURE',
      `${signed.what}: GPG verification enabled, but no signatures found`,
      {
        hint: 'gpg-verify=false in the remote’s configuration turns verification off',
      },
    );
  const found = verifyGpg(signed.data, signatures, keyrings);
  if (isAnyGood(found)) return found;
  const words = found.map((signature) => describeSignature(signature, now).join('; ')).join(' / ');
  throw new UserError('BAD_SIGNATURE', `${signed.what}: ${words === '' ? 'no valid signature' : words}`, {
    hint: `'ostree remote gpg-import' adds a key that you trust`,
  });
}

function keysIn(directory: string): Uint8Array[] | null {
  try {
    return fs
      .readdirSync(directory)
      .filter((name) => /\.(gpg|asc)$/.test(name) && fs.statSync(path.join(directory, name)).isFile())
      .sort()
      .map((name) => fs.readFileSync(path.join(directory, name)));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}

function readKeys(file: string): Uint8Array | null {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
