/** Signatures that are not GnuPG's: how each kind signs, and how it checks. Keys are texts, as ostree(1) takes them. */
import { createPrivateKey, sign } from 'node:crypto';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { parsePublicKeys, unverifiedText } from '#ostree/repo/sign-keys.ts';

export interface SignEngine {
  readonly name: string;
  /** Where the signatures are, an `aay`, beside what they sign. */
  readonly metadataKey: string;
  /** @throws UserError BAD_KEY */
  sign(data: Uint8Array, secret: string): Uint8Array;
  /** What is said of the first of the signatures that one of the keys made; null where none did. @throws UserError BAD_KEY */
  verify(
    repo: Pick<Repo, 'sys'>,
    signed: { readonly data: Uint8Array; readonly signatures: readonly Uint8Array[] },
    keys: readonly string[],
  ): string | null;
  /** What is said where none of the keys made one. */
  failed(keys: readonly string[]): string;
}

/** Of PKCS #8, before the 32 bytes of an Ed25519 secret (RFC 8410, section 7). */
const PRIVATE_KEY_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const SECRET_BYTES = 64;
const SEED_BYTES = 32;

const ED25519: SignEngine = {
  name: 'ed25519',
  metadataKey: 'ostree.sign.ed25519',
  sign(data, secret) {
    const bytes = Buffer.from(secret.trim(), 'base64');
    // As libsodium keeps it: the seed, then the public key.
    if (bytes.length !== SECRET_BYTES)
      throw new UserError('BAD_KEY', 'Incorrect Ed25519 secret key', {
        hint: `it is the base64 text of ${SECRET_BYTES} bytes: the seed and the public key`,
      });
    const der = Buffer.concat([PRIVATE_KEY_HEAD, bytes.subarray(0, SEED_BYTES)]);
    return sign(null, data, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  },
  verify({ sys }, { data, signatures }, keys) {
    for (const key of keys.flatMap((text) => parsePublicKeys(text, 'KEY-ID')))
      if (signatures.some((signature) => sys.verifyEd25519(key, data, signature)))
        return `ed25519: Signature verified successfully with key '${Buffer.from(key).toString('hex')}'`;
    return null;
  },
  failed: (keys) => unverifiedText(keys.map((key) => Buffer.from(key.trim(), 'base64').toString('hex'))),
};

/** The signature is the key. Nothing is proven by it: it is for tests of programs that sign. */
const DUMMY: SignEngine = {
  name: 'dummy',
  metadataKey: 'ostree.sign.dummy',
  sign: (_data, secret) => utf8Bytes(secret),
  verify: (_repo, { signatures }, keys) =>
    keys.some((key) => signatures.some((one) => Buffer.from(one).equals(utf8Bytes(key))))
      ? 'dummy: Signature verified'
      : null,
  failed: () => 'dummy: incorrect signature',
};

/** @param dummyEnabled whether the environment asks for the kind that is for tests alone */
export function signEngine(name: string, dummyEnabled: boolean): SignEngine {
  if (name === 'ed25519') return ED25519;
  if (name !== 'dummy')
    throw new UserError('BAD_OPTION', 'Requested signature type is not implemented', {
      hint: `'${name}' is none of: ed25519`,
    });
  if (!dummyEnabled)
    throw new UserError(
      'BAD_OPTION',
      'No valid signatures found: dummy signature type is only for ostree testing',
    );
  return DUMMY;
}
