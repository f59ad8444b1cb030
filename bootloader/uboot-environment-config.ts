/** `fw_env.config` (libubootenv, u-boot-tools): where U-Boot's environment lies. */
import { UserError } from '#ostree/format/errors.ts';

export interface EnvironmentPlace {
  /** A device or a file. */
  readonly device: string;
  /** Bytes from its start. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Lines `DEVICE OFFSET SIZE …`: one, or two for two copies. Larger ones than this are a mistake. */
const MOST_BYTES = 1024 * 1024;

/** @throws UserError UBOOT_ENVIRONMENT */
export function parseEnvironmentConfig(text: string, file: string): EnvironmentPlace[] {
  const places = text
    .split('\n')
    .map((line) => line.split('\t').join(' ').trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => parsePlace(line, file));
  const [first, second] = places;
  if (first === undefined || places.length > 2)
    throw new UserError('UBOOT_ENVIRONMENT', `${file} names ${places.length} places, not one or two`);
  if (second !== undefined && second.size !== first.size)
    throw new UserError('UBOOT_ENVIRONMENT', `${file}: the two copies differ in size`);
  return places;
}

function parsePlace(line: string, file: string): EnvironmentPlace {
  const [device = '', offset = '', size = ''] = line.split(' ').filter((word) => word !== '');
  const place = { device, offset: parseOffset(offset), size: parseDigits(withoutPrefix(size), 16) };
  const isUsable = place.size > 8 && place.size <= MOST_BYTES && Number.isSafeInteger(place.offset);
  if (device.startsWith('/') && isUsable) return place;
  throw new UserError('UBOOT_ENVIRONMENT', `${file}: '${line}' is not 'DEVICE OFFSET SIZE'`, {
    hint: 'an offset from the end of the device is not supported',
  });
}

/** As C reads numbers: hexadecimal after `0x`, octal after `0`. NaN for anything else. */
function parseOffset(text: string): number {
  const digits = withoutPrefix(text);
  if (digits !== text) return parseDigits(digits, 16);
  return parseDigits(text, text.startsWith('0') ? 8 : 10);
}

/** Sizes are hexadecimal, with or without it. */
function withoutPrefix(text: string): string {
  return text.startsWith('0x') || text.startsWith('0X') ? text.slice(2) : text;
}

function parseDigits(digits: string, base: 8 | 10 | 16): number {
  const known = '0123456789abcdef'.slice(0, base);
  const isNumber =
    digits !== '' && digits.length <= 12 && [...digits.toLowerCase()].every((c) => known.includes(c));
  return isNumber ? parseInt(digits, base) : NaN;
}
