import { UserError } from '#ostree/format/errors.ts';

/** A SHA-256 as 64 lower-case hexadecimal characters; made only by `parseChecksum` and by hashing. */
export type Checksum = string & { readonly __brand: 'Checksum' };

const HEX = '0123456789abcdef';
/** The two digits of every byte, from the first use on: a program that boots a machine has none. */
const PAIRS: string[] = [];

/** The checksum that `text` spells. @throws UserError BAD_CHECKSUM */
export function parseChecksum(text: string): Checksum {
  if (!isChecksum(text))
    throw new UserError('BAD_CHECKSUM', `'${text}' is not a SHA-256 checksum (64 hex digits)`);
  return text;
}

/** Whether `text` is a whole checksum. */
export function isChecksum(text: string): text is Checksum {
  if (text.length !== 64) return false;
  for (let i = 0; i < 64; i++) if (HEX.indexOf(text.charAt(i)) < 0) return false;
  return true;
}

/** The 32 bytes of a checksum. */
export function checksumBytes(checksum: Checksum): Uint8Array {
  return hexToBytes(checksum);
}

/** The checksum that 32 bytes spell. @throws UserError BAD_CHECKSUM for any other length */
export function checksumFromBytes(bytes: Uint8Array): Checksum {
  if (bytes.length !== 32)
    throw new UserError('BAD_CHECKSUM', `a checksum has 32 bytes, here are ${bytes.length}`);
  return bytesToHex(bytes) as Checksum;
}

/** Lower-case hex, two characters a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  if (PAIRS.length === 0) for (let i = 0; i < 256; i++) PAIRS.push(HEX.charAt(i >> 4) + HEX.charAt(i & 15));
  let text = '';
  for (const byte of bytes) text += PAIRS[byte];
  return text;
}

/** The bytes of an even-length string of hex digits (the caller has checked the digits). */
export function hexToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (nibble(text, 2 * i) << 4) | nibble(text, 2 * i + 1);
  return bytes;
}

function nibble(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code <= 57 ? code - 48 : (code | 32) - 87;
}
