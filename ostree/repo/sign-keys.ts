/** Ed25519 signatures of a remote's commits and summary (`sign-verify`): whose keys count, and whether one made them. */
import fs from 'node:fs';
import path from 'node:path';
import { lookupVariant } from '#ostree/format/commit.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import type { Remote } from '#ostree/repo/remote.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** As ostree looks: a file `trusted.ed25519` and a directory `trusted.ed25519.d` in each; `revoked.…` alike. */
const SYSTEM_KEYS = ['/etc/ostree', '/usr/share/ostree'];
const KEY_BYTES = 32;
const HINT = 'verification-ed25519-key= or verification-ed25519-file= of the remote names the public key';

/**
 * The keys for a remote: those that it names, else the system's; never a revoked one.
 * @param directories instead of the system's
 * @throws UserError NO_KEY where a file is missing or there is none; BAD_KEY for a line that is no key
 */
export function ed25519Keys(remote: Remote, directories: readonly string[] = SYSTEM_KEYS): Uint8Array[] {
  const { ed25519Key, ed25519File } = remote;
  const inline = ed25519Key === null ? [] : parsePublicKeys(ed25519Key, `remote "${remote.name}"`);
  const named = ed25519File === null ? [] : requiredKeys(ed25519File);
  const own = [...inline, ...named];
  const found = own.length > 0 ? unrevoked(own, directories) : trustedKeys(directories);
  if (found.length === 0)
    throw new UserError('NO_KEY', `remote "${remote.name}": sign-verify is on, and there is no Ed25519 key`, {
      hint: HINT,
    });
  return found;
}

/** The keys that directories trust, without those that they revoke. @throws UserError BAD_KEY */
export function trustedKeys(directories: readonly string[] = SYSTEM_KEYS): Uint8Array[] {
  return unrevoked(
    directories.flatMap((one) => keysBelow(one, 'trusted.ed25519')),
    directories,
  );
}

function unrevoked(keys: readonly Uint8Array[], directories: readonly string[]): Uint8Array[] {
  const revoked = directories.flatMap((one) => keysBelow(one, 'revoked.ed25519'));
  return keys.filter((key) => !revoked.some((other) => Buffer.from(key).equals(other)));
}

/** @throws UserError BAD_SIGNATURE where none of the signatures is by one of the keys */
export function requireEd25519Signature(
  { sys }: Pick<Repo, 'sys'>,
  signed: { readonly what: string; readonly data: Uint8Array; readonly detached: VariantDict | null },
  keys: readonly Uint8Array[],
): void {
  const { what, data, detached } = signed;
  const found = detached === null ? undefined : lookupVariant(detached, 'ostree.sign.ed25519', 'aay');
  const signatures = (found as Uint8Array[] | undefined) ?? [];
  if (signatures.length === 0)
    throw new UserError('BAD_SIGNATURE', `${what}: sign-verify is on, but it has no Ed25519 signature`, {
      hint: 'sign-verify=false in the remote’s configuration turns verification off',
    });
  if (!signatures.some((signature) => keys.some((key) => sys.verifyEd25519(key, data, signature))))
    throw new UserError(
      'BAD_SIGNATURE',
      `${what}: ${unverifiedText(keys.map((key) => Buffer.from(key).toString('hex')))}`,
      { hint: HINT },
    );
}

/** ostree's words for signatures that none of the keys made. */
export function unverifiedText(keys: readonly string[]): string {
  const tried = keys.length === 1 ? `with: key '${keys[0] ?? ''}'` : `; tried ${keys.length} keys`;
  return `ed25519: Signature couldn't be verified${keys.length === 1 ? ' ' : ''}${tried}`;
}

/** A line of base64 for each key (RFC 4648 section 4); empty lines are none. */
export function parsePublicKeys(text: string, where: string): Uint8Array[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const key = Buffer.from(line, 'base64');
      if (key.length === KEY_BYTES && key.toString('base64') === line) return key;
      throw new UserError('BAD_KEY', `${where}: '${line.slice(0, 60)}' is not an Ed25519 public key`, {
        hint: 'a line is the base64 text of the 32 bytes of a key',
      });
    });
}

function requiredKeys(file: string): Uint8Array[] {
  const found = readText(file);
  if (found === null) throw new UserError('NO_KEY', `Loading keys (${file}): No such file or directory`);
  return parsePublicKeys(found, file);
}

function keysBelow(directory: string, name: string): Uint8Array[] {
  const whole = path.join(directory, name);
  const parts = path.join(directory, `${name}.d`);
  const files = fs.existsSync(parts) ? fs.readdirSync(parts).sort() : [];
  return [whole, ...files.map((file) => path.join(parts, file))].flatMap((file) =>
    parsePublicKeys(readText(file) ?? '', file),
  );
}

function readText(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
