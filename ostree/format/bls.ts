/** Boot Loader Specification entries (type 1): `key value` lines, as ostree writes and reads them. */
import { UserError } from '#ostree/format/errors.ts';

/** The keys and values in the order they are written; `initrd` may occur several times. */
export interface BlsEntry {
  readonly fields: readonly (readonly [key: string, value: string])[];
}

/** The boot attempts an entry has left and has used (systemd's boot counting); `used` is 0 before the first. */
export interface BootTries {
  readonly left: number;
  readonly used: number;
}

export interface BlsFileName {
  /** The entry's number: the higher, the earlier in the menu. */
  readonly version: number;
  /** Named in files of ostree before 2024.5. */
  readonly stateroot: string | null;
  readonly tries: BootTries | null;
}

export const EMPTY_BLS: BlsEntry = { fields: [] };

/** These come first, in this order; the others keep theirs. */
const FIRST_KEYS = ['title', 'version', 'options', 'devicetree', 'linux', 'initrd'];

/** Lines that do not start with an ASCII letter are passed over, as are letters without a value after them. */
export function parseBls(text: string): BlsEntry {
  const fields: [string, string][] = [];
  for (const row of text.split('\n')) {
    const line = row.endsWith('\r') ? row.slice(0, -1) : row;
    const end = keyEnd(line);
    if (!isLetter(line.charAt(0)) || end < 0) continue;
    const [key, value] = [line.slice(0, end), line.slice(end + 1).trim()];
    if (key === 'initrd' || !fields.some(([other]) => other === key)) fields.push([key, value]);
    else fields[fields.findIndex(([other]) => other === key)] = [key, value];
  }
  return { fields };
}

/** @throws UserError BAD_BLS for a value with a line end, which would read as another key */
export function formatBls(entry: BlsEntry): string {
  const rank = (key: string): number => (FIRST_KEYS.includes(key) ? FIRST_KEYS.indexOf(key) : 99);
  return entry.fields
    .map(([key, value], at) => ({ key, value, at }))
    .sort((a, b) => rank(a.key) - rank(b.key) || a.at - b.at)
    .map(({ key, value }) => {
      if (value.includes('\n') || value.includes('\r'))
        throw new UserError('BAD_BLS', `the boot entry's '${key}' has a line end in its value`);
      return `${key} ${value}\n`;
    })
    .join('');
}

/** The value of a key (the first `initrd`); null where it is not there. */
export function blsValue(entry: BlsEntry, key: string): string | null {
  return entry.fields.find(([name]) => name === key)?.[1] ?? null;
}

/** The overlay initrds: every `initrd` after the first. */
export function overlayInitrds(entry: BlsEntry): string[] {
  return entry.fields
    .filter(([key]) => key === 'initrd')
    .slice(1)
    .map(([, value]) => value);
}

/** A copy with further initrds, right after the first one. */
export function withAddedInitrds(entry: BlsEntry, paths: readonly string[]): BlsEntry {
  const at = entry.fields.findIndex(([key]) => key === 'initrd') + 1;
  if (at === 0) return entry;
  return { fields: entry.fields.toSpliced(at, 0, ...paths.map((path) => ['initrd', path] as const)) };
}

/** A copy with the key set once, in its place; null removes it. An `initrd` set keeps the overlay initrds. */
export function withBlsValue(entry: BlsEntry, key: string, value: string | null): BlsEntry {
  const at = entry.fields.findIndex(([name]) => name === key);
  if (value === null) return { fields: entry.fields.filter((_, index) => index !== at) };
  const field = [key, value] as const;
  return { fields: at < 0 ? [...entry.fields, field] : entry.fields.with(at, field) };
}

/** `ostree-N.conf`, `ostree-N-STATEROOT.conf` and both with `+LEFT[-USED]`; null for any other name. */
export function parseBlsFileName(name: string): BlsFileName | null {
  if (!name.startsWith('ostree-') || !name.endsWith('.conf')) return null;
  const stem = name.slice('ostree-'.length, -'.conf'.length);
  const plus = stem.lastIndexOf('+');
  const tries = plus < 0 ? null : parseTries(stem.slice(plus + 1));
  const body = tries === null ? stem : stem.slice(0, plus);
  const dash = body.indexOf('-');
  const version = parseNumber(dash < 0 ? body : body.slice(0, dash));
  if (version === null) return null;
  return { version, stateroot: dash < 0 ? null : body.slice(dash + 1), tries };
}

export function formatBlsFileName({ version, stateroot, tries }: BlsFileName): string {
  const used = tries === null || tries.used === 0 ? '' : `-${tries.used}`;
  const counters = tries === null ? '' : `+${tries.left}${used}`;
  return `ostree-${version}${stateroot === null ? '' : `-${stateroot}`}${counters}.conf`;
}

/** Orders versions as strverscmp(3) does for what ostree writes: runs of digits by their value. */
export function compareVersions(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charAt(at) === b.charAt(at)) at++;
  let start = at;
  while (start > 0 && isDigit(a.charAt(start - 1))) start--;
  const byLength = digitsFrom(a, start) - digitsFrom(b, start);
  return byLength !== 0 && isDigit(a.charAt(start)) && isDigit(b.charAt(start))
    ? byLength
    : unitAt(a, at) - unitAt(b, at);
}

/** How many digits stand at `start`. */
function digitsFrom(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charAt(end))) end++;
  return end - start;
}

function unitAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0;
}

function parseTries(text: string): BootTries | null {
  const dash = text.indexOf('-');
  const left = parseNumber(dash < 0 ? text : text.slice(0, dash));
  const used = dash < 0 ? 0 : parseNumber(text.slice(dash + 1));
  return left === null || used === null ? null : { left, used };
}

function parseNumber(text: string): number | null {
  if (text === '' || text.length > 9) return null;
  return [...text].every(isDigit) ? Number(text) : null;
}

function keyEnd(line: string): number {
  const [space, tab] = [line.indexOf(' '), line.indexOf('\t')];
  return space < 0 || (tab >= 0 && tab < space) ? tab : space;
}

function isLetter(c: string): boolean {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9';
}
