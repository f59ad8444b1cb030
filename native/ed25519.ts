/** The part of `Syscalls` that Node has itself, in `node:crypto`. */
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** `Syscalls.verifyEd25519`. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  // Few runs check a signature; all would pay for an import.
  const crypto = process.getBuiltinModule('node:crypto');
  const x = Buffer.from(publicKey).toString('base64url');
  const key = crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return crypto.verify(null, message, key, signature);
}
