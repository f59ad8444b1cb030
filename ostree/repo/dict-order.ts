/**
 * The order in which GLib's hash table, and so g_variant_dict_end(), gives keys out. A commit's checksum depends on it
 * where ostree passes its metadata through a GVariantDict (`commit --bootable`).
 */
import { utf8Bytes } from '#ostree/format/utf8.ts';

/** The largest primes below the powers of two from 2^0 on. */
const PRIMES = [1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521];
const MIN_SHIFT = 3;

interface Table {
  readonly shift: number;
  /** undefined where nothing lies; 2^shift places. */
  readonly slots: readonly (string | undefined)[];
}

/** `keys` (each once, in the order of their insertion) as the table is walked. */
export function hashTableOrder(keys: readonly string[]): string[] {
  let table: Table = { shift: MIN_SHIFT, slots: emptySlots(MIN_SHIFT) };
  keys.forEach((key, index) => {
    table = inserted(table, key);
    const count = index + 1;
    if (2 ** table.shift <= count + Math.floor(count / 16))
      table = resized(table, Math.max(bitLength(Math.floor(count * 1.333)), MIN_SHIFT));
  });
  return table.slots.filter((slot) => slot !== undefined);
}

function inserted(table: Table, key: string): Table {
  const slots = [...table.slots];
  slots[freePlace(key, table.shift, (place) => slots[place] === undefined)] = key;
  return { shift: table.shift, slots };
}

/** The table grows in place: an entry that stands where another one belongs is taken up and placed next. */
function resized(table: Table, shift: number): Table {
  const slots = [...table.slots, ...emptySlots(shift).slice(table.slots.length)];
  const placed = new Set<number>();
  for (let at = 0; at < table.slots.length; at++) {
    if (placed.has(at)) continue;
    let moving = slots[at];
    slots[at] = undefined;
    while (moving !== undefined) {
      const place = freePlace(moving, shift, (index) => !placed.has(index));
      placed.add(place);
      const evicted: string | undefined = slots[place];
      slots[place] = moving;
      moving = evicted;
    }
  }
  return { shift, slots };
}

/** Quadratic probing. */
function freePlace(key: string, shift: number, isFree: (place: number) => boolean): number {
  let place = (Math.imul(hashOf(key), 11) >>> 0) % (PRIMES[shift] ?? 1);
  for (let step = 1; !isFree(place); step++) place = (place + step) & (2 ** shift - 1);
  return place;
}

function emptySlots(shift: number): undefined[] {
  return new Array<undefined>(2 ** shift).fill(undefined);
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
