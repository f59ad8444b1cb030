/** OpenPGP signatures, one by one: what each says of itself, and whether a key made it. */
import type { KeyID, PublicKey, SignaturePacket, UnparseablePacket } from 'openpgp';
import { messageOf, UserError } from '#ostree/format/errors.ts';

export interface OpenPgpSignature {
  /** Upper-case hex id of the key that is said to have made it, 16 characters; '' where that cannot be read. */
  readonly issuer: string;
  /** Why it proves nothing even where it is right (WEAK_SIGNATURE, UNSUPPORTED_SIGNATURE); null where it does. */
  readonly fault: UserError | null;
  /** Whether the key (or one of its subkeys) made it over the data. */
  verify(data: Uint8Array, key: PublicKey): Promise<Verdict>;
}

export type Verdict =
  | { readonly kind: 'good' }
  /** Another key made it, or the data is other. */
  | { readonly kind: 'bad'; readonly reason: string }
  /** The key may not sign: expired or revoked when it did, a subkey that is not bound, too short. */
  | { readonly kind: 'invalid-key'; readonly reason: string };

/** RFC 9580's numbers of what is no longer safe, with the name to tell. */
const REFUSED_KEYS: Readonly<Record<number, string>> = { 16: 'ElGamal', 17: 'DSA', 20: 'ElGamal' };
const REFUSED_HASHES: Readonly<Record<number, string>> = { 1: 'MD5', 2: 'SHA-1', 3: 'RIPEMD-160' };
/** node:crypto's names. */
const HASHES: Readonly<Record<number, string>> = { 8: 'sha256', 9: 'sha384', 10: 'sha512', 11: 'sha224' };
const RSA: readonly number[] = [1, 3];
const BINARY = 0;
const SIGN_ANEW = 'have it signed anew with RSA or Ed25519 and SHA-256 or better';

/**
 * The signatures in a file or value, binary or ASCII-armoured.
 * @throws UserError BAD_SIGNATURE where it is not made of OpenPGP signatures
 */
export async function readSignatures(bytes: Uint8Array): Promise<OpenPgpSignature[]> {
  const { readSignature, SignaturePacket } = await import('openpgp');
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  try {
    const { packets } = text.trimStart().startsWith('-----BEGIN')
      ? await readSignature({ armoredSignature: Buffer.from(bytes).toString('latin1') })
      : await readSignature({ binarySignature: bytes });
    if (packets.length === 0) throw new Error('it is empty');
    // What the library cannot read comes as bytes.
    return (packets as (SignaturePacket | UnparseablePacket)[]).map((packet) =>
      packet instanceof SignaturePacket ? packetSignature(packet) : rawSignature(packet.write()),
    );
  } catch (cause) {
    throw new UserError('BAD_SIGNATURE', `its signature cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function packetSignature(packet: SignaturePacket): OpenPgpSignature {
  const facts = {
    key: packet.publicKeyAlgorithm ?? 0,
    hash: packet.hashAlgorithm ?? 0,
    type: packet.signatureType ?? BINARY,
  };
  return {
    issuer: packet.issuerKeyID.toHex().toUpperCase(),
    fault: faultOf(facts),
    verify: (data, key) => verifyPacket(packet, data, key),
  };
}

async function verifyPacket(packet: SignaturePacket, data: Uint8Array, key: PublicKey): Promise<Verdict> {
  const { createMessage, PacketList, Signature, verify } = await import('openpgp');
  const list = new PacketList<SignaturePacket>();
  list.push(packet);
  const { signatures } = await verify({
    message: await createMessage({ binary: data }),
    signature: new Signature(list),
    verificationKeys: key,
    // No clock: the library then takes the signature's own time for the key's validity.
    date: null,
  });
  try {
    await signatures[0]?.verified;
    return signatures.length === 1 ? { kind: 'good' } : { kind: 'bad', reason: 'it is of another kind' };
  } catch (error) {
    const reason = messageOf(error);
    const isBad = /^(Signed digest did not match|Signature verification failed)/.test(reason);
    return { kind: isBad ? 'bad' : 'invalid-key', reason };
  }
}

/** What the library does not read. Version 3 is what Red Hat's packages are signed with to this day. */
function rawSignature(body: Uint8Array): OpenPgpSignature {
  const old = body[0] === 3 ? parseVersion3(body) : null;
  if (old !== null)
    return {
      issuer: old.issuer,
      fault: faultOf(old) ?? (RSA.includes(old.key) ? null : unsupported(`algorithm ${old.key}`)),
      verify: (data, key) => verifyVersion3(old, data, key),
    };
  const what = (body[0] ?? 0) > 3 ? `algorithm ${body[2] ?? 0}` : `version ${body[0] ?? 0}`;
  return {
    issuer: '',
    fault: unsupported(what),
    verify: () => Promise.resolve({ kind: 'bad', reason: 'it is of an unknown kind' }),
  };
}

function unsupported(what: string): UserError {
  return new UserError('UNSUPPORTED_SIGNATURE', `its signature is of ${what}, which is not supported`, {
    hint: SIGN_ANEW,
  });
}

function faultOf(facts: {
  readonly key: number;
  readonly hash: number;
  readonly type: number;
}): UserError | null {
  const weak = [REFUSED_KEYS[facts.key], REFUSED_HASHES[facts.hash]].filter((name) => name !== undefined);
  if (weak.length > 0)
    return new UserError('WEAK_SIGNATURE', `its signature uses ${weak.join(' and ')}, which can be forged`, {
      hint: SIGN_ANEW,
    });
  return facts.type === BINARY ? null : unsupported(`type ${facts.type}`);
}

interface Version3 {
  readonly issuer: string;
  readonly key: number;
  readonly hash: number;
  readonly type: number;
  /** Seconds since the epoch. */
  readonly created: number;
  /** What is hashed after the data. */
  readonly trailer: Uint8Array;
  readonly value: Uint8Array;
}

/** RFC 9580 section 5.2.2. Null where the packet is cut off. */
function parseVersion3(body: Uint8Array): Version3 | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const start = 19;
  if (body.length < start + 2 || body[1] !== 5) return null;
  const length = Math.ceil(view.getUint16(start) / 8);
  if (body.length < start + 2 + length) return null;
  return {
    issuer: Buffer.from(body.subarray(7, 15)).toString('hex').toUpperCase(),
    key: view.getUint8(15),
    hash: view.getUint8(16),
    type: view.getUint8(2),
    created: view.getUint32(3),
    trailer: body.subarray(2, 7),
    value: body.subarray(start + 2, start + 2 + length),
  };
}

async function verifyVersion3(old: Version3, data: Uint8Array, key: PublicKey): Promise<Verdict> {
  const created = new Date(old.created * 1000);
  const [part] = key.getKeys().filter((one) => one.getKeyID().toHex().toUpperCase() === old.issuer);
  if (part === undefined) return { kind: 'bad', reason: 'another key made it' };
  const params = part.keyPacket.publicParams as { readonly n?: Uint8Array; readonly e?: Uint8Array };
  const { createPublicKey, verify } = process.getBuiltinModule('node:crypto');
  const { n, e } = params;
  const hash = HASHES[old.hash];
  if (n === undefined || e === undefined || hash === undefined)
    return { kind: 'bad', reason: 'it is not of the kind that the key makes' };
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'RSA', n: base64(n), e: base64(e) }, format: 'jwk' });
  const value = Buffer.alloc(n.length);
  if (old.value.length > n.length) return { kind: 'bad', reason: 'it is too long' };
  value.set(old.value, n.length - old.value.length);
  if (!verify(hash, Buffer.concat([data, old.trailer]), publicKey, value))
    return { kind: 'bad', reason: 'Signed digest did not match' };
  return await mayHaveSigned(key, part.getKeyID(), created);
}

/** Whether the key (one of its parts) was fit to sign at that time. */
async function mayHaveSigned(key: PublicKey, part: KeyID, time: Date): Promise<Verdict> {
  try {
    await key.getSigningKey(part, time);
    return { kind: 'good' };
  } catch (error) {
    return { kind: 'invalid-key', reason: messageOf(error) };
  }
}
