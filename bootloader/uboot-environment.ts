/**
 * U-Boot's stored environment: a CRC-32 of the rest, little-endian; where there are two copies, a byte that tells which
 * is the newer; then `NAME=VALUE` with a NUL after each, and one more at the end. Texts hold one byte a character.
 */
import { crc32 } from '#bootloader/crc32.ts';
import { UserError } from '#ostree/format/errors.ts';
import { latin1Text } from '#ostree/format/latin1.ts';

/** How two copies tell which is in use: by a number that grows, or on NOR flash by 1 for the one and 0 for the other. */
export type FlagConvention = 'incremental' | 'boolean';

export type Variables = ReadonlyMap<string, string>;

export interface EnvironmentCopy {
  /** null where the CRC is wrong: the copy was never written, or is damaged. */
  readonly variables: Variables | null;
  readonly flags: number;
}

const CRC_SIZE = 4;

/** @param isRedundant it is one of two copies */
export function decodeCopy(bytes: Uint8Array, isRedundant: boolean): EnvironmentCopy {
  const start = CRC_SIZE + (isRedundant ? 1 : 0);
  const flags = isRedundant ? (bytes[CRC_SIZE] ?? 0) : 0;
  const data = bytes.subarray(start);
  if (bytes.length <= start || readNumber(bytes) !== crc32(data)) return { variables: null, flags };
  return { variables: decodeVariables(data), flags };
}

/** @param flags null for the only copy. @throws UserError UBOOT_ENVIRONMENT where the variables do not fit */
export function encodeCopy(variables: Variables, size: number, flags: number | null): Uint8Array {
  const start = CRC_SIZE + (flags === null ? 0 : 1);
  const bytes = new Uint8Array(size);
  const text = [...variables].map(([name, value]) => `${name}=${value}\0`).join('');
  if (start + text.length + 1 > size)
    throw new UserError(
      'UBOOT_ENVIRONMENT',
      `the variables need ${start + text.length + 1} of ${size} bytes`,
    );
  for (let at = 0; at < text.length; at++) bytes[start + at] = text.charCodeAt(at);
  if (flags !== null) bytes[CRC_SIZE] = flags;
  const sum = crc32(bytes.subarray(start));
  for (let at = 0; at < CRC_SIZE; at++) bytes[at] = (sum >>> (8 * at)) & 0xff;
  return bytes;
}

/** Which of the copies U-Boot uses; null where both are damaged. */
export function currentCopy(copies: readonly EnvironmentCopy[], convention: FlagConvention): number | null {
  const [first, second] = copies;
  if (first?.variables == null) return second?.variables == null ? null : 1;
  if (second?.variables == null) return 0;
  if (convention === 'boolean') return second.flags === 1 && first.flags !== 1 ? 1 : 0;
  // The number starts anew after 255.
  if (first.flags === 255 && second.flags === 0) return 1;
  if (second.flags === 255 && first.flags === 0) return 0;
  return second.flags > first.flags ? 1 : 0;
}

/** The flags of the copy that is written next. */
export function nextFlags(current: number, convention: FlagConvention): number {
  return convention === 'boolean' ? 1 : (current + 1) & 0xff;
}

/** A copy with variables set, or unset (null). */
export function withVariables(
  variables: Variables,
  changes: Readonly<Record<string, string | null>>,
): Map<string, string> {
  const changed = new Map(variables);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) changed.delete(name);
    else changed.set(name, value);
  }
  return changed;
}

/** `NAME=VALUE` lines, as U-Boot's build leaves its built-in environment in `u-boot-initial-env`. */
export function parseInitialEnvironment(text: string): Map<string, string> {
  const pairs = text
    .split('\n')
    .filter((line) => line.indexOf('=') > 0 && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return new Map(pairs);
}

function decodeVariables(data: Uint8Array): Map<string, string> {
  const variables = new Map<string, string>();
  for (let start = 0; start < data.length && data[start] !== 0;) {
    const found = data.indexOf(0, start);
    const end = found < 0 ? data.length : found;
    const text = latin1Text(data.subarray(start, end));
    const equals = text.indexOf('=');
    if (equals > 0) variables.set(text.slice(0, equals), text.slice(equals + 1));
    start = end + 1;
  }
  return variables;
}

function readNumber(bytes: Uint8Array): number {
  let value = 0;
  for (let at = CRC_SIZE - 1; at >= 0; at--) value = value * 256 + (bytes[at] ?? 0);
  return value;
}
