/**
 * The auxiliary data of syslinux: two copies of 512 bytes at the end of `ldlinux.sys`, in which `extlinux --once` keeps what
 * boots next, once. Little-endian words: a head signature, a checksum that makes the sum of all words between the
 * signatures a constant, items of tag, length and bytes, and a tail signature.
 */
import { latin1Text } from '#ostree/format/latin1.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

const COPY = 512;
export const ADV_SIZE = 2 * COPY;
const HEAD = 0x5a2d2fa5;
const SUM = 0xa3041767;
const TAIL = 0xdd28bf64;
const ITEMS = 8;
const ITEMS_END = COPY - 4;
/** Of the item with what boots once; tag 0 ends the items. */
const BOOT_ONCE = 1;

/** What boots next, once; null for nothing. Both copies damaged: syslinux reads nothing either. */
export function bootOnce(adv: Uint8Array): string | null {
  const copy = validCopy(adv);
  const item = copy === null ? undefined : itemsOf(copy).find(({ tag }) => tag === BOOT_ONCE);
  return item === undefined || item.bytes.length === 0 ? null : latin1Text(item.bytes);
}

/** Whether syslinux finds a valid copy. */
export function isAdv(adv: Uint8Array): boolean {
  return validCopy(adv) !== null;
}

/** The data with another command that boots once, or none (null), as `extlinux --once` writes it; other items stay. */
export function withBootOnce(adv: Uint8Array, command: string | null): Uint8Array {
  const items = itemsOf(validCopy(adv) ?? new Uint8Array(COPY)).filter(({ tag }) => tag !== BOOT_ONCE);
  if (command !== null) items.push({ tag: BOOT_ONCE, bytes: utf8Bytes(command) });
  const copy = new Uint8Array(COPY);
  let at = ITEMS;
  for (const { tag, bytes } of items) {
    if (bytes.length > 255 || at + 2 + bytes.length > ITEMS_END)
      throw new UserError('SYSLINUX_DATA', 'the auxiliary data of syslinux has no room');
    copy.set([tag, bytes.length], at);
    copy.set(bytes, at + 2);
    at += 2 + bytes.length;
  }
  const view = new DataView(copy.buffer);
  view.setUint32(0, HEAD, true);
  view.setUint32(4, (SUM - sumOf(view, ITEMS)) >>> 0, true);
  view.setUint32(ITEMS_END, TAIL, true);
  const both = new Uint8Array(ADV_SIZE);
  both.set(copy);
  both.set(copy, COPY);
  return both;
}

interface Item {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** Up to the end, or to one that is longer than there is room. */
function itemsOf(copy: Uint8Array): Item[] {
  const items: Item[] = [];
  for (let at = ITEMS; at + 2 <= ITEMS_END;) {
    const [tag = 0, length = 0] = copy.subarray(at, at + 2);
    const end = at + 2 + length;
    if (tag === 0 || end > ITEMS_END) break;
    items.push({ tag, bytes: copy.slice(at + 2, end) });
    at = end;
  }
  return items;
}

function validCopy(adv: Uint8Array): Uint8Array | null {
  return [adv.slice(0, COPY), adv.slice(COPY, ADV_SIZE)].find(isValid) ?? null;
}

function isValid(copy: Uint8Array): boolean {
  if (copy.length < COPY) return false;
  const view = new DataView(copy.buffer, copy.byteOffset, COPY);
  return (
    view.getUint32(0, true) === HEAD && view.getUint32(ITEMS_END, true) === TAIL && sumOf(view, 4) === SUM
  );
}

/** Of the words from a place to the tail signature. */
function sumOf(view: DataView, from: number): number {
  let sum = 0;
  for (let at = from; at < ITEMS_END; at += 4) sum = (sum + view.getUint32(at, true)) >>> 0;
  return sum;
}
