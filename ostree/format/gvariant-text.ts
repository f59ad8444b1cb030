/** The GVariant text format, as g_variant_print() writes it with type annotations. */
import { bytesToHex } from '#ostree/format/checksum.ts';
import { swap32, swap64, type GValue, type Variant } from '#ostree/format/gvariant.ts';
import { parseType, type GType } from '#ostree/format/gvariant-type.ts';
import { utf8Text } from '#ostree/format/utf8.ts';

/** E.g. `({'version': <'1'>}, uint64 5)`. */
export function gvariantText(type: string, value: GValue): string {
  return print(parseType(type), value, true);
}

/** As `gvariantText`, without the types: `5`, not `uint64 5`. */
export function gvariantPlainText(type: string, value: GValue): string {
  return print(parseType(type), value, false);
}

/** The same value with the bytes of all its numbers turned around: OSTree keeps the numbers it defines big-endian. */
export function byteswapped(type: string, value: GValue): GValue {
  return swapAll(parseType(type), value);
}

const KEYWORDS: Readonly<Record<string, string>> = {
  y: 'byte ',
  n: 'int16 ',
  q: 'uint16 ',
  i: '',
  u: 'uint32 ',
  h: 'handle ',
  x: 'int64 ',
  t: 'uint64 ',
  d: '',
  b: '',
};

function print(type: GType, value: GValue, annotate: boolean): string {
  switch (type.kind) {
    case 'basic':
      return (annotate ? (KEYWORDS[type.text] ?? '') : '') + printBasic(type, value);
    case 'string':
      return printStringLike(type, value as string, annotate);
    case 'variant':
      return printVariant(value as Variant);
    case 'array':
      return printArray(type, value, annotate);
    case 'maybe':
      return printMaybe(type, value, annotate);
    case 'tuple':
      return printTuple(type, value as readonly GValue[], annotate);
    default:
      return type.kind satisfies never;
  }
}

function printBasic(type: GType, value: GValue): string {
  if (type.text === 'y') return `0x${bytesToHex(Uint8Array.of(value as number))}`;
  if (typeof value === 'number') return type.text === 'd' ? printDouble(value) : String(value);
  return typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : '';
}

/** 17 significant digits, which tell all doubles apart; a whole number keeps a point. */
function printDouble(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const small = value !== 0 && Math.abs(value) < 1e-4;
  const [digits = '', exponent] = (small ? value.toExponential(16) : value.toPrecision(17)).split('e');
  let end = digits.length;
  if (digits.includes('.')) while (digits.charAt(end - 1) === '0') end--;
  if (digits.charAt(end - 1) === '.') end--;
  const short = digits.slice(0, end);
  if (exponent !== undefined) return `${short}e${exponent.charAt(0)}${exponent.slice(1).padStart(2, '0')}`;
  return short.includes('.') ? short : `${short}.0`;
}

function printStringLike(type: GType, value: string, annotate: boolean): string {
  const keyword = type.text === 'o' ? 'objectpath ' : type.text === 'g' ? 'signature ' : '';
  return (annotate ? keyword : '') + quoted(value);
}

function printVariant(value: Variant): string {
  return `<${print(parseType(value.type), value.value, true)}>`;
}

function printArray(type: GType, value: GValue, annotate: boolean): string {
  const [item] = type.members;
  if (item === undefined) return '';
  if (value instanceof Uint8Array && isByteString(value)) return byteString(value);
  const items: readonly GValue[] = value instanceof Uint8Array ? [...value] : (value as readonly GValue[]);
  const isDictionary = item.kind === 'tuple' && item.text.startsWith('{');
  if (items.length === 0) return `${annotate ? `@${type.text} ` : ''}${isDictionary ? '{}' : '[]'}`;
  // The first element's type is every element's.
  const texts = items.map((one, index) =>
    isDictionary
      ? printEntry(item, one as readonly GValue[], annotate && index === 0)
      : print(item, one, annotate && index === 0),
  );
  return isDictionary ? `{${texts.join(', ')}}` : `[${texts.join(', ')}]`;
}

function printEntry(type: GType, entry: readonly GValue[], annotate: boolean): string {
  return type.members.map((member, index) => print(member, entry[index] ?? null, annotate)).join(': ');
}

function printMaybe(type: GType, value: GValue, annotate: boolean): string {
  const [item] = type.members;
  const prefix = annotate ? `@${type.text} ` : '';
  if (value === null || item === undefined) return `${prefix}nothing`;
  const inner = print(item, value, false);
  return `${prefix}${item.kind === 'maybe' ? `just ${inner}` : inner}`;
}

function printTuple(type: GType, values: readonly GValue[], annotate: boolean): string {
  if (type.text.startsWith('{')) return `{${printEntry(type, values, annotate)}}`;
  const texts = type.members.map((member, index) => print(member, values[index] ?? null, annotate));
  return texts.length === 1 ? `(${texts[0] ?? ''},)` : `(${texts.join(', ')})`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

function quoted(text: string): string {
  const quote = text.includes("'") ? '"' : "'";
  let result = quote;
  for (const c of text) {
    const code = c.codePointAt(0) ?? 0;
    const known = ESCAPES[c];
    if (known !== undefined) result += known;
    else if (c === quote) result += `\\${c}`;
    else if (code < 32 || (code >= 127 && code < 160)) result += `\\u${code.toString(16).padStart(4, '0')}`;
    else result += c;
  }
  return result + quote;
}

/** Bytes with exactly one NUL, at their end. */
function isByteString(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.indexOf(0) === bytes.length - 1;
}

function byteString(bytes: Uint8Array): string {
  const text = utf8Text(bytes.subarray(0, -1));
  const quote = text?.includes("'") === true ? '"' : "'";
  let result = `b${quote}`;
  for (const byte of bytes.subarray(0, -1)) {
    const c = String.fromCharCode(byte);
    const known = ESCAPES[c];
    if (known !== undefined && c !== '\u0007') result += known;
    else if (c === '"' || (c === quote && quote === "'")) result += `\\${c}`;
    else result += byte < 32 || byte > 126 ? `\\${byte.toString(8).padStart(3, '0')}` : c;
  }
  return result + quote;
}

function swapAll(type: GType, value: GValue): GValue {
  switch (type.kind) {
    case 'basic':
      return swapNumber(type.text, value);
    case 'string':
      return value;
    case 'variant': {
      const { type: text, value: inner } = value as Variant;
      return { type: text, value: byteswapped(text, inner) };
    }
    case 'array':
    case 'maybe': {
      const [item] = type.members;
      if (value === null || value instanceof Uint8Array || item === undefined) return value;
      if (type.kind === 'maybe') return swapAll(item, value);
      return (value as readonly GValue[]).map((one) => swapAll(item, one));
    }
    case 'tuple':
      return type.members.map((member, index) =>
        swapAll(member, (value as readonly GValue[])[index] ?? null),
      );
    default:
      return type.kind satisfies never;
  }
}

function swapNumber(text: string, value: GValue): GValue {
  switch (text) {
    case 'u':
      return swap32(value as number);
    case 'i':
    case 'h':
      return swap32((value as number) >>> 0) | 0;
    case 'q':
      return swap16(value as number);
    case 'n':
      return (swap16((value as number) & 0xffff) << 16) >> 16;
    case 'd':
      return swapDouble(value as number);
    case 't':
      return swap64(value as bigint);
    case 'x':
      return BigInt.asIntN(64, swap64(value as bigint));
    default:
      return value;
  }
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

function swapDouble(value: number): number {
  const bytes = new Uint8Array(Float64Array.of(value).buffer).reverse();
  return new Float64Array(bytes.buffer)[0] ?? 0;
}
