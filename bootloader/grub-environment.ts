/**
 * GRUB's environment block (`grubenv`, grub-editenv(1)): 1024 bytes, a first line that names it, lines `NAME=VALUE` in
 * which a backslash stands before a backslash or a line end of the value, and `#` up to the end. What other programs
 * wrote need not be UTF-8.
 */
import { UserError } from '#ostree/format/errors.ts';
import { latin1Text } from '#ostree/format/latin1.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

export const ENVIRONMENT_SIZE = 1024;

const SIGNATURE = '# GRUB Environment Block\n';
const LF = 10;
const HASH = 35;
const EQUALS = 61;
const BACKSLASH = 92;

/** Why bytes are no environment block; null where they are one. */
export function environmentFault(block: Uint8Array): string | null {
  const start = utf8Bytes(SIGNATURE);
  if (block.length > 0 && block.every((byte) => byte === 0)) return 'it is all zeros';
  if (!start.every((byte, at) => block[at] === byte))
    return `it does not start with '${SIGNATURE.trimEnd()}'`;
  if (block.length !== ENVIRONMENT_SIZE) return `it has ${block.length} bytes, not ${ENVIRONMENT_SIZE}`;
  return null;
}

/** A block without variables, as `grub-editenv FILE create` makes it. */
export function emptyEnvironment(): Uint8Array {
  return padded(utf8Bytes(SIGNATURE));
}

/** The value of a variable; null where it is not set. */
export function environmentValue(block: Uint8Array, name: string): string | null {
  const found = linesOf(block).find((line) => nameOf(line.bytes) === name);
  return found === undefined ? null : valueOf(found.bytes);
}

/**
 * A copy with variables set, or unset (null). A variable that is there keeps its place; everything else stays byte for
 * byte. `file`: what errors name. @throws UserError GRUB_ENVIRONMENT where they do not fit, or the block is none
 */
export function withEnvironment(
  block: Uint8Array,
  changes: Readonly<Record<string, string | null>>,
  file = 'grubenv',
): Uint8Array {
  const fault = environmentFault(block);
  if (fault !== null) throw new UserError('GRUB_ENVIRONMENT', `${file}: ${fault}`);
  const missing = new Set(Object.keys(changes));
  const kept = linesOf(block).flatMap(({ bytes, isWhole }) => {
    const name = nameOf(bytes);
    if (!isWhole || name === null || !Object.hasOwn(changes, name)) return isWhole ? [bytes] : [];
    const value = changes[name] ?? null;
    return missing.delete(name) && value !== null ? [lineOf(name, value)] : [];
  });
  const added = [...missing].flatMap((name) => {
    const value = changes[name] ?? null;
    return value === null ? [] : [lineOf(name, value)];
  });
  return padded(concat([...kept, ...added]), file);
}

/** What can be saved of a damaged block: a whole one with the variables that still read as such. */
export function repairedEnvironment(block: Uint8Array): {
  readonly block: Uint8Array;
  readonly kept: number;
} {
  const kept: Uint8Array[] = [];
  let size = utf8Bytes(SIGNATURE).length;
  for (const { bytes, isWhole } of linesOf(block)) {
    const isVariable = isWhole && isPlainName(nameOf(bytes)) && bytes.every((byte) => byte >= 9);
    if (!isVariable || size + bytes.length > ENVIRONMENT_SIZE) continue;
    kept.push(bytes);
    size += bytes.length;
  }
  return { block: padded(concat([utf8Bytes(SIGNATURE), ...kept])), kept: kept.length };
}

interface Line {
  /** With its line end. */
  readonly bytes: Uint8Array;
  /** It has one; the padding has none. */
  readonly isWhole: boolean;
}

/** Only a variable's value may have line ends in it, after a backslash. */
function linesOf(block: Uint8Array): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < block.length;) {
    const end = lineEnd(block, start);
    lines.push({ bytes: block.slice(start, end), isWhole: block[end - 1] === LF });
    start = end;
  }
  return lines;
}

/** After the line end, or after the last byte. */
function lineEnd(block: Uint8Array, start: number): number {
  const isComment = block[start] === HASH;
  let at = start;
  while (at < block.length && block[at] !== LF) at += !isComment && block[at] === BACKSLASH ? 2 : 1;
  return Math.min(at + 1, block.length);
}

function nameOf(line: Uint8Array): string | null {
  const equals = line.indexOf(EQUALS);
  if (line[0] === HASH || equals <= 0) return null;
  return latin1Text(line.slice(0, equals));
}

function valueOf(line: Uint8Array): string {
  const bytes: number[] = [];
  for (let at = line.indexOf(EQUALS) + 1; at < line.length - 1; at++) {
    if (line[at] === BACKSLASH) at++;
    bytes.push(line[at] ?? LF);
  }
  return latin1Text(Uint8Array.from(bytes));
}

function lineOf(name: string, value: string): Uint8Array {
  const escaped = [...value].map((c) => (c === '\\' || c === '\n' ? `\\${c}` : c)).join('');
  return utf8Bytes(`${name}=${escaped}\n`);
}

function isPlainName(name: string | null): boolean {
  const isPart = (c: string): boolean =>
    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c === '_';
  return name !== null && [...name].every(isPart);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function padded(content: Uint8Array, file = 'grubenv'): Uint8Array {
  if (content.length > ENVIRONMENT_SIZE)
    throw new UserError(
      'GRUB_ENVIRONMENT',
      `${file}: the variables need ${content.length} of ${ENVIRONMENT_SIZE} bytes`,
      {
        hint: `'grub-editenv ${file} list' shows them, 'grub-editenv ${file} unset NAME' makes room`,
      },
    );
  const block = new Uint8Array(ENVIRONMENT_SIZE).fill(HASH);
  block.set(content);
  return block;
}
