import type { PublicKey, Signature } from 'openpgp';
import { messageOf, UserError } from '#ostree/format/errors.ts';

/** A public key that signatures are checked against. */
export interface OpenPgpKey {
  /** Upper-case hex: 40 characters (version 4) or 64 (version 6). */
  readonly fingerprint: string;
  readonly userId: string;
  /** Where it was read. */
  readonly source: string;
  readonly armoured: string;
  readonly key: PublicKey;
}

/** Keys at hand, and a way to get at those that have to be fetched and agreed to. */
export interface Keyring {
  readonly keys: readonly OpenPgpKey[];
  /** Asked only where no key at hand made a signature. */
  readonly more?: () => Promise<readonly OpenPgpKey[]>;
}

export interface Signer {
  readonly keyFingerprint: string;
  readonly userId: string;
}

const BEGIN_KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const END_KEY = '-----END PGP PUBLIC KEY BLOCK-----';

/** RFC 9580's numbers of what is no longer safe, with the name to tell. */
const REFUSED_KEYS: Readonly<Record<number, string>> = { 16: 'ElGamal', 17: 'DSA', 20: 'ElGamal' };
const REFUSED_HASHES: Readonly<Record<number, string>> = { 1: 'MD5', 2: 'SHA-1', 3: 'RIPEMD-160' };

/**
 * All keys in a file, binary or ASCII-armoured (several blocks too).
 * @throws UserError BAD_KEY where it holds none that can be used
 */
export async function parseKeys(bytes: Uint8Array, source: string): Promise<OpenPgpKey[]> {
  const { readKeys } = await import('openpgp');
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = text.split(BEGIN_KEY).slice(1);
  try {
    const read =
      blocks.length === 0
        ? [await readKeys({ binaryKeys: bytes })]
        : await Promise.all(blocks.map((block) => readKeys({ armoredKeys: armouredBlock(block) })));
    const keys = read.flat();
    if (keys.length === 0) throw new Error('it holds no public key');
    return keys.map((key) => openPgpKey(key.toPublic(), source));
  } catch (cause) {
    throw new UserError('BAD_KEY', `${source}: not a usable OpenPGP public key: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * Checks a detached signature (binary or armoured) over `data`. @returns who made it
 * @throws UserError as `verifyOpenPgp`
 */
export function verifyDetached(data: Uint8Array, signature: Uint8Array, keyring: Keyring): Promise<Signer> {
  return verifyOpenPgp([data], signature, keyring);
}

/**
 * Checks an OpenPGP signature over the concatenation of `signedBytes`. One good signature by a key of the ring is
 * enough. A key counts as it was when the signature was made, so a machine with a wrong clock judges no differently.
 * @throws UserError UNKNOWN_KEY (made by a key that is not in the ring), WEAK_SIGNATURE (DSA, SHA-1, MD5, short RSA),
 *   BAD_SIGNATURE (does not fit the data, or is no signature)
 */
export async function verifyOpenPgp(
  signedBytes: readonly Uint8Array[],
  signature: Uint8Array,
  keyring: Keyring,
): Promise<Signer> {
  const parsed = await readSignature(signature);
  refuseWeak(parsed);
  const data = signedBytes.length === 1 ? signedBytes[0] : Buffer.concat(signedBytes);
  const issuers = parsed.getSigningKeyIDs().map((id) => id.toHex().toUpperCase());
  const atHand = ownersOf(keyring.keys, issuers);
  const owners = atHand.length > 0 ? atHand : ownersOf((await keyring.more?.()) ?? [], issuers);
  if (owners.length === 0)
    throw new UserError(
      'UNKNOWN_KEY',
      `it is signed with key ${issuers.join(', ')}, which is not trusted here`,
      {
        hint: 'put the key into /etc/pki/rpm-gpg, or name its file with gpgkey= in the repository file',
      },
    );
  return await verifyWith(data ?? new Uint8Array(0), parsed, owners);
}

function openPgpKey(key: PublicKey, source: string): OpenPgpKey {
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    userId: key.getUserIDs()[0] ?? '(no name)',
    source,
    armoured: key.armor(),
    key,
  };
}

function armouredBlock(afterBegin: string): string {
  const [body = ''] = afterBegin.split(END_KEY);
  return `${BEGIN_KEY}${body}${END_KEY}\n`;
}

async function readSignature(bytes: Uint8Array): Promise<Signature> {
  const openpgp = await import('openpgp');
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  try {
    const parsed = text.trimStart().startsWith('-----BEGIN')
      ? await openpgp.readSignature({ armoredSignature: Buffer.from(bytes).toString('latin1') })
      : await openpgp.readSignature({ binarySignature: bytes });
    if (parsed.packets.length === 0) throw new Error('it is of a version that is not supported');
    return parsed;
  } catch (cause) {
    throw new UserError('BAD_SIGNATURE', `its signature cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function refuseWeak(signature: Signature): void {
  for (const packet of signature.packets) {
    const key = REFUSED_KEYS[packet.publicKeyAlgorithm ?? -1];
    const hash = REFUSED_HASHES[packet.hashAlgorithm ?? -1];
    const weak = [key, hash].filter((name) => name !== undefined).join(' and ');
    if (weak === '') continue;
    throw new UserError('WEAK_SIGNATURE', `its signature uses ${weak}, which can be forged`, {
      hint: 'have it signed anew with RSA or Ed25519 and SHA-256 or better',
    });
  }
}

function ownersOf(keys: readonly OpenPgpKey[], issuers: readonly string[]): OpenPgpKey[] {
  const owners = keys.filter(({ key }) =>
    key.getKeys().some((part) => issuers.includes(part.getKeyID().toHex().toUpperCase())),
  );
  return distinctKeys(owners);
}

/** A key may lie in several places; forms of it that differ (one may be newer) are all kept. */
function distinctKeys(keys: readonly OpenPgpKey[]): OpenPgpKey[] {
  return [...new Map(keys.map((one) => [one.armoured, one])).values()];
}

async function verifyWith(
  data: Uint8Array,
  signature: Signature,
  owners: readonly OpenPgpKey[],
): Promise<Signer> {
  const { createMessage, verify } = await import('openpgp');
  const { signatures } = await verify({
    message: await createMessage({ binary: data }),
    signature,
    verificationKeys: owners.map(({ key }) => key),
    // No clock: the library then takes the signature's own time for the key's validity.
    date: null,
  });
  let failure: unknown;
  for (const { verified, keyID } of signatures) {
    try {
      await verified;
      const [owner] = ownersOf(owners, [keyID.toHex().toUpperCase()]);
      if (owner !== undefined) return { keyFingerprint: owner.fingerprint, userId: owner.userId };
    } catch (error) {
      failure = error;
    }
  }
  const names = new Set(owners.map(({ fingerprint, userId }) => `${fingerprint} (${userId})`));
  throw new UserError(
    'BAD_SIGNATURE',
    `its signature by ${[...names].join(', ')} is not good: ${messageOf(failure)}`,
    {
      cause: failure,
    },
  );
}
