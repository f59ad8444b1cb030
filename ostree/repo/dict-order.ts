/**
 * The order in which GLib's hash table, and so g_variant_dict_end(), gives keys out. A commit's checksum depends on it
 * where ostree passes its metadata through a GVariantDict (`commit --bootable`).
 */
import { utf8Bytes } from '#ostree/format/utf8.ts';

/** The largest primes below the powers of two from 2^0 on. */
const PRIMES = [1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521];
const MIN_SHIFT = 3;

/** `keys` (each once, in the order of their insertion) as the table is walked. */
export function hashTableOrder(keys: readonly string[]): string[] {
  let shift = MIN_SHIFT;
  let slots: (string | undefined)[] = [];
  let count = 0;
  for (const key of keys) {
    insert(slots, key, shift);
    count++;
    const size = 2 ** shift;
    if (size > count + Math.floor(count / 16)) continue;
    shift = Math.max(bitLength(Math.floor(count * 1.333)), MIN_SHIFT);
    const old = slots.filter((slot) => slot !== undefined);
    slots = [];
    for (const known of old) insert(slots, known, shift);
  }
  return slots.filter((slot) => slot !== undefined);
}

function insert(slots: (string | undefined)[], key: string, shift: number): void {
  const mask = 2 ** shift - 1;
  let index = Math.imul(hashOf(key), 11) >>> 0;
  index %= PRIMES[shift] ?? 1;
  for (let step = 1; slots[index] !== undefined; step++) index = (index + step) & mask;
  while (slots.length <= index) slots.push(undefined);
  slots[index] = key;
}

/** Bernstein's hash over signed bytes; 0 and 1 mark empty slots and stand for 2. */
function hashOf(key: string): number {
  let hash = 5381;
  for (const byte of utf8Bytes(key)) hash = (Math.imul(hash, 33) + ((byte << 24) >> 24)) >>> 0;
  return hash < 2 ? 2 : hash;
}

function bitLength(value: number): number {
  return value === 0 ? 0 : 32 - Math.clz32(value);
}
