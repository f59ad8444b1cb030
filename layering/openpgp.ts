import type { PublicKey } from 'openpgp';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { type OpenPgpSignature, readSignatures } from '#layering/openpgp-signature.ts';

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
  /** Asked only where no key at hand makes a signature good; for the keys with these ids. */
  readonly more?: (ids: readonly string[]) => Promise<readonly OpenPgpKey[]>;
}

export interface Signer {
  readonly keyFingerprint: string;
  readonly userId: string;
}

const BEGIN_KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const END_KEY = '-----END PGP PUBLIC KEY BLOCK-----';

const HINTS = {
  UNKNOWN_KEY: 'put the key into /etc/pki/rpm-gpg, or name its file with gpgkey= in the repository file',
  INVALID_KEY: 'put a newer form of the key into /etc/pki/rpm-gpg, or have it signed with a valid key',
  BAD_SIGNATURE: 'it was changed after it was signed: get it again, and from elsewhere if that does not help',
} as const;

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
 * Checks detached signatures (binary or armoured) over `data`. @returns who made a good one
 * @throws UserError as `verifySigned`
 */
export async function verifyDetached(
  data: Uint8Array,
  signature: Uint8Array,
  keyring: Keyring,
): Promise<Signer> {
  const signatures = await readSignatures(signature);
  return await verifySigned(
    signatures.map((one) => ({ signature: one, data: () => data })),
    keyring,
  );
}

/** A signature and what it is over. */
export interface Signed {
  readonly signature: OpenPgpSignature;
  readonly data: () => Uint8Array;
}

/**
 * One good signature by a key of the ring is enough, and a wrong one by such a key is too much; signatures by other
 * keys, and of kinds that prove nothing, do not count. A key counts as it was when the signature was made, so a machine
 * with a wrong clock judges no differently. Keys that have to be fetched are asked for only where none at hand will do.
 * @throws UserError UNKNOWN_KEY (made by a key that is not in the ring), INVALID_KEY (expired, revoked, not bound, too
 *   short), WEAK_SIGNATURE (DSA, SHA-1, MD5), UNSUPPORTED_SIGNATURE, BAD_SIGNATURE (does not fit the data)
 */
export async function verifySigned(signed: readonly Signed[], keyring: Keyring): Promise<Signer> {
  const first = await judgeAll(signed, keyring.keys);
  if (first.signer !== null) return first.signer;
  const issuers = first.open.map(({ signature }) => signature.issuer);
  const more = issuers.length === 0 ? [] : ((await keyring.more?.(issuers)) ?? []);
  const second = more.length === 0 ? first : await judgeAll(first.open, more);
  if (second.signer !== null) return second.signer;
  throw mostTelling([...second.failures, ...first.failures]);
}

/** What to tell where nothing was good: the nearest to success. */
function mostTelling(failures: readonly UserError[]): UserError {
  const order = ['INVALID_KEY', 'UNKNOWN_KEY', 'WEAK_SIGNATURE', 'UNSUPPORTED_SIGNATURE'];
  const found = order.flatMap((code) => failures.find((one) => one.code === code) ?? [])[0];
  return found ?? new UserError('BAD_SIGNATURE', 'its signature cannot be read: it is empty');
}

interface Judged {
  readonly signer: Signer | null;
  readonly failures: readonly UserError[];
  /** Those that another key might still make good. */
  readonly open: readonly Signed[];
}

/** @throws UserError BAD_SIGNATURE where one by a known key is wrong */
async function judgeAll(signed: readonly Signed[], keys: readonly OpenPgpKey[]): Promise<Judged> {
  let signer: Signer | null = null;
  const failures: UserError[] = [];
  const open: Signed[] = [];
  for (const one of signed) {
    const outcome = await judge(one, keys);
    if (!(outcome instanceof UserError)) {
      signer ??= outcome;
      continue;
    }
    if (outcome.code === 'BAD_SIGNATURE') throw outcome;
    failures.push(outcome);
    if (['UNKNOWN_KEY', 'INVALID_KEY'].includes(outcome.code)) open.push(one);
  }
  return { signer, failures, open };
}

async function judge({ signature, data }: Signed, keys: readonly OpenPgpKey[]): Promise<Signer | UserError> {
  const { fault, issuer } = signature;
  if (fault !== null) return fault;
  const owners = ownersOf(keys, issuer);
  if (owners.length === 0)
    return new UserError('UNKNOWN_KEY', `it is signed with key ${issuer}, which is not trusted here`, {
      hint: HINTS.UNKNOWN_KEY,
    });
  const bytes = data();
  let failure: UserError | null = null;
  // Two keys may have one id: a signature that one of them made is good.
  for (const { key, fingerprint, userId } of owners) {
    const verdict = await signature.verify(bytes, key);
    if (verdict.kind === 'good') return { keyFingerprint: fingerprint, userId };
    if (failure?.code === 'INVALID_KEY') continue;
    failure =
      verdict.kind === 'bad'
        ? new UserError(
            'BAD_SIGNATURE',
            `its signature by ${fingerprint} (${userId}) is not good: ${verdict.reason}`,
            { hint: HINTS.BAD_SIGNATURE },
          )
        : new UserError(
            'INVALID_KEY',
            `it is signed with key ${fingerprint} (${userId}), which could not sign it: ${verdict.reason}`,
            { hint: HINTS.INVALID_KEY },
          );
  }
  return failure ?? new UserError('UNKNOWN_KEY', `it is signed with key ${issuer}`);
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

function ownersOf(keys: readonly OpenPgpKey[], issuer: string): OpenPgpKey[] {
  return distinctKeys(keys.filter((one) => hasPart(one, issuer)));
}

/** Whether the key or one of its subkeys has this id (upper-case hex). */
export function hasPart({ key }: OpenPgpKey, id: string): boolean {
  return key.getKeys().some((part) => part.getKeyID().toHex().toUpperCase() === id);
}

/** A key may lie in several places; forms of it that differ (one may be newer) are all kept. */
function distinctKeys(keys: readonly OpenPgpKey[]): OpenPgpKey[] {
  return [...new Map(keys.map((one) => [one.armoured, one])).values()];
}
