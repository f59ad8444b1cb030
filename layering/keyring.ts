import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { shownUrl } from '#layering/http-get.ts';
import { hasPart, type Keyring, type OpenPgpKey, parseKeys } from '#layering/openpgp.ts';
import { pathInTree } from '#layering/path-in-tree.ts';

export type { Keyring } from '#layering/openpgp.ts';

/** Whose keys are trusted, and who decides about new ones. */
export interface KeyTrust {
  /** The deployment whose /etc counts, as a path of this machine. */
  readonly root: string;
  /** Fingerprints named with --accept-key. */
  readonly acceptKeys: readonly string[];
  /** Asks the person at the terminal; absent where nobody can be asked. */
  readonly confirmKey?: (key: OpenPgpKey) => Promise<boolean>;
}

/** Keys of the distribution, trusted for every repository; keys that the owner of the system accepted. */
const TRUSTED_DIRECTORIES = ['etc/pki/rpm-gpg', 'etc/pki/yum-ostree'];
const ACCEPTED_DIRECTORY = 'etc/pki/yum-ostree';
const MOST_KEY_BYTES = 16 << 20;

/**
 * The keys that may sign a repository and its packages: those in /etc/pki/rpm-gpg and /etc/pki/yum-ostree of the
 * tree, and those that `gpgkey=` names in it. A key that has to be fetched counts only once it is accepted; it is then
 * kept in /etc/pki/yum-ostree. One that comes in another form than the kept (renewed, with a new subkey) is asked about
 * anew.
 * @param fetchKey gets the bytes of a key that is not on disk
 * @throws UserError BAD_KEY where a file that gpgkey= names is missing or no key
 */
export async function readKeyring(
  gpgKeys: readonly string[],
  trust: KeyTrust,
  fetchKey: (url: string) => Promise<Uint8Array>,
): Promise<Keyring> {
  const onDisk = gpgKeys.filter((url) => !isRemote(url));
  const remote = gpgKeys.filter(isRemote);
  const directories = await Promise.all(TRUSTED_DIRECTORIES.map((name) => keysIn(trust.root, name)));
  const named = await Promise.all(onDisk.map((url) => namedKeys(url, trust.root)));
  const keys = [...directories.flat(), ...named.flat()];
  if (remote.length === 0) return { keys };
  const more = async (ids: readonly string[]): Promise<OpenPgpKey[]> => {
    const all = await Promise.all(remote.map(async (url) => parseKeys(await fetchKey(url), shownUrl(url))));
    const known = new Set(keys.map(({ armoured }) => armoured));
    const wanted = all
      .flat()
      .filter((key) => !known.has(key.armoured) && ids.some((part) => hasPart(key, part)));
    return agreedKeys(wanted, trust);
  };
  return { keys, more };
}

function isRemote(url: string): boolean {
  return /^(https?|ftp):\/\//.test(url);
}

/** A directory may hold keys of kinds we do not know: they count as absent. */
async function keysIn(root: string, name: string): Promise<OpenPgpKey[]> {
  const directory = pathInTree(root, name);
  if (directory === null || !fs.statSync(directory).isDirectory()) return [];
  const read = fs.readdirSync(directory).map(async (file) => {
    try {
      return await parseKeys(readKeyFile(root, path.join(name, file)), path.join(root, name, file));
    } catch {
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

/** A path in a repository file means the tree's own file system. */
async function namedKeys(url: string, root: string): Promise<OpenPgpKey[]> {
  const file = url.startsWith('file://') ? fileURLToPath(url) : url;
  try {
    return await parseKeys(readKeyFile(root, file), file);
  } catch (cause) {
    throw new UserError('BAD_KEY', `gpgkey ${file}: ${messageOf(cause)}`, {
      hint: `the file belongs into the deployment, below ${root}`,
      cause,
    });
  }
}

function readKeyFile(root: string, file: string): Uint8Array {
  const found = pathInTree(root, file);
  const stat = found === null ? null : fs.statSync(found);
  if (found === null || stat === null) throw new Error('there is no such file');
  if (!stat.isFile() || stat.size > MOST_KEY_BYTES) throw new Error('it is not a file of keys');
  return fs.readFileSync(found);
}

async function agreedKeys(keys: readonly OpenPgpKey[], trust: KeyTrust): Promise<OpenPgpKey[]> {
  const accepted = new Set(trust.acceptKeys.map(normalFingerprint));
  const agreed: OpenPgpKey[] = [];
  for (const key of keys) {
    const agrees = accepted.has(key.fingerprint) || (await trust.confirmKey?.(key)) === true;
    if (!agrees)
      throw new UserError(
        'UNTRUSTED_KEY',
        `the key ${key.fingerprint} (${key.userId}) from ${key.source} has not been accepted`,
        { hint: `compare the fingerprint with its owner's, then use --accept-key ${key.fingerprint}` },
      );
    keepKey(trust.root, key);
    agreed.push(key);
  }
  return agreed;
}

/** Fingerprints are written in many ways: in groups, in lower case, with 0x. */
function normalFingerprint(text: string): string {
  return text.replace(/^0x|[\s:]/gi, '').toUpperCase();
}

/** A new file, synced and renamed: a crash leaves the old key (or none) or the new one, and perhaps a temporary file. */
function keepKey(root: string, key: OpenPgpKey): void {
  const directory = path.join(root, ACCEPTED_DIRECTORY);
  const target = path.join(directory, `${key.fingerprint}.asc`);
  fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  const temporary = path.join(directory, `.${key.fingerprint}.tmp`);
  fs.writeFileSync(temporary, key.armoured, { mode: 0o644, flush: true });
  fs.renameSync(temporary, target);
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
