/** Whether a commit was signed by one of the machine's keys, and which composefs image it vouches for. */
import { decodeCommit, lookupVariant, type Commit } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parse, type VariantDict } from '#ostree/format/gvariant.ts';
import type { Syscalls } from '#native/syscalls.ts';

const KEY_BYTES = 32;
const DIGEST_BYTES = 32;

export interface SignedCommit {
  /** The bytes of the commit object: what was signed. */
  readonly commit: Uint8Array;
  /** The bytes of its `commitmeta`, an `a{sv}`. */
  readonly detached: Uint8Array;
}

export type VerifySignature = Syscalls['verifyEd25519'];

/**
 * The fs-verity digest of the image, from a commit with a valid signature by one of the keys.
 * @throws UserError COMPOSEFS_UNTRUSTED, or BAD_GVARIANT for what is no commit
 */
export function trustedDigest(
  { commit, detached }: SignedCommit,
  keys: readonly Uint8Array[],
  verify: VerifySignature,
): Uint8Array {
  const metadata = parse('a{sv}', detached) as VariantDict;
  const signatures = lookupVariant(metadata, 'ostree.sign.ed25519', 'aay') as
    readonly Uint8Array[] | undefined;
  if (signatures === undefined)
    throw untrusted('Signature validation requested, but no signatures in commit', NOT_SIGNED);
  if (!signatures.some((signature) => keys.some((key) => verify(key, commit, signature))))
    throw untrusted(
      `Checking commit signature: No valid (of ${signatures.length}) signatures found`,
      keys.length === 0 ? NO_KEYS : WRONG_KEYS,
    );
  const digest = lookupVariant(decodeCommit(commit).metadata, 'ostree.composefs.digest.v0', 'ay');
  if (digest instanceof Uint8Array && digest.length === DIGEST_BYTES) return digest;
  throw untrusted('Signature validation requested, but no valid digest in commit', NO_DIGEST);
}

/** A commit that `bootc` made of a container image, on top of the one that was signed. */
export function isContainerCommit(commit: Commit): boolean {
  return lookupVariant(commit.metadata, 'ostree.container.image-config', 's') !== undefined;
}

/** A line of base64 for each key; empty lines are none. @throws UserError BAD_BOOT_CONFIG naming the file and line */
export function parsePublicKeys(text: string, file: string): Uint8Array[] {
  const keys = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const key = base64Bytes(line.trim());
    if (key?.length === KEY_BYTES) return [key];
    throw new UserError(
      'BAD_BOOT_CONFIG',
      `Parsing rootfs config: Reading public key file '${file}': line ${index + 1} is not an Ed25519 public key`,
      { hint: 'a line is the base64 text of the 32 bytes of a key' },
    );
  });
  if (keys.length > 0) return keys;
  throw new UserError(
    'BAD_BOOT_CONFIG',
    'Parsing rootfs config: public key file specified, but no public keys found',
    { hint: `${file} is empty` },
  );
}

export function untrusted(message: string, hint: string): UserError {
  return new UserError('COMPOSEFS_UNTRUSTED', message, { hint });
}

export const NOT_SIGNED = "sign the commit ('ostree sign'), or choose another entry in the boot menu";
const WRONG_KEYS =
  'none of the keys of this initramfs made them: choose another entry in the boot menu, or make an initramfs with the key';
const NO_KEYS =
  "the kernel argument alone loads no keys: set [composefs] enabled=signed in the initramfs' prepare-root.conf";
const NO_DIGEST = "the commit must be made with 'ostree commit --generate-composefs-metadata'";

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** null where the text is not base64 (RFC 4648 section 4). */
function base64Bytes(text: string): Uint8Array | null {
  const digits = text.endsWith('==') ? text.slice(0, -2) : text.endsWith('=') ? text.slice(0, -1) : text;
  if (text.length % 4 !== 0) return null;
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8));
  let bits = 0;
  for (let i = 0, at = 0; i < digits.length; i++) {
    const digit = DIGITS.indexOf(digits.charAt(i));
    if (digit < 0) return null;
    bits = ((bits << 6) | digit) & 0xffff;
    if (i % 4 !== 0) bytes[at++] = (bits >> (6 - 2 * (i % 4))) & 0xff;
  }
  return bytes;
}
