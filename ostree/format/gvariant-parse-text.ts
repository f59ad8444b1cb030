/** Reading the GVariant text format: what `ostree commit --add-metadata=KEY=VALUE` takes. */
import { UserError } from '#ostree/format/errors.ts';
import { serialize, type GValue, type Variant } from '#ostree/format/gvariant.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

/**
 * The value that `text` spells: booleans, numbers, strings, b'byte strings', arrays, dictionaries, tuples, <variants>,
 * `just`/`nothing`, with `@type` and type keywords (`uint32 5`). @throws UserError BAD_GVARIANT
 */
export function parseGvariantText(text: string): Variant {
  const reader = new TextReader(text);
  const node = readNode(reader, null);
  reader.skipSpace();
  if (!reader.atEnd) throw reader.wrong('expected end of input');
  // Written once, so that what does not fit its type is found here.
  serialize(node.type, node.value);
  return node;
}

const KEYWORDS: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  handle: 'h',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};
const NUMBER_TYPES = 'ynqihuxtd';
const MAX_DEPTH = 64;

class TextReader {
  readonly text: string;
  at = 0;
  depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  peek(): string {
    this.skipSpace();
    return this.text.charAt(this.at);
  }

  skipSpace(): void {
    while (' \t\n'.includes(this.text.charAt(this.at)) && !this.atEnd) this.at++;
  }

  /** Whether `c` came next; it is then passed. */
  accept(c: string): boolean {
    if (this.peek() !== c) return false;
    this.at++;
    return true;
  }

  expect(c: string): void {
    if (!this.accept(c)) throw this.wrong(`expected '${c}'`);
  }

  word(): string {
    this.skipSpace();
    const start = this.at;
    while (!this.atEnd && !' \t\n,:)]}>'.includes(this.text.charAt(this.at))) this.at++;
    return this.text.slice(start, this.at);
  }

  wrong(why: string): UserError {
    return new UserError('BAD_GVARIANT', `Parsing ${this.text}: ${this.at}:${why}`);
  }
}

/** Reads one value; `expected` is its type where the place tells. */
function readNode(reader: TextReader, expected: string | null): Variant {
  if (++reader.depth > MAX_DEPTH) throw reader.wrong('nested too deeply');
  const node = readAny(reader, expected);
  reader.depth--;
  return node;
}

function readAny(reader: TextReader, expected: string | null): Variant {
  const c = reader.peek();
  if (c === '[') return readArray(reader, expected);
  if (c === '{') return readDictionary(reader, expected);
  if (c === '(') return readTuple(reader, expected);
  if (c === '<') return readVariant(reader);
  if (c === "'" || c === '"') return { type: stringType(expected), value: readString(reader) };
  if (c === '@') return readAnnotated(reader);
  if (c === 'b' && `'"`.includes(reader.text.charAt(reader.at + 1)) && reader.at + 1 < reader.text.length) {
    reader.at++;
    return { type: 'ay', value: utf8Bytes(readString(reader) + '\0') };
  }
  return readWord(reader, expected);
}

function readWord(reader: TextReader, expected: string | null): Variant {
  const start = reader.at;
  const word = reader.word();
  if (word === 'true' || word === 'false') return { type: 'b', value: word === 'true' };
  const keyword = KEYWORDS[word];
  if (keyword !== undefined) return readNode(reader, keyword);
  if (word === 'nothing' && expected?.startsWith('m') === true) return { type: expected, value: null };
  if (word === 'just') {
    const inner = readNode(reader, expected?.startsWith('m') === true ? expected.slice(1) : null);
    return { type: `m${inner.type}`, value: inner.value };
  }
  const number = readNumber(word, expected);
  if (number !== null) return number;
  reader.at = start;
  throw reader.wrong('expected value');
}

function readNumber(word: string, expected: string | null): Variant | null {
  if (word === '' || Number.isNaN(Number(word))) return null;
  const isReal = !word.startsWith('0x') && (word.includes('.') || word.includes('e'));
  const type = expected !== null && NUMBER_TYPES.includes(expected) ? expected : isReal ? 'd' : 'i';
  if (type === 'd') return { type, value: Number(word) };
  if (isReal) return null;
  if (type === 'x' || type === 't') {
    const negative = word.startsWith('-');
    const digits = BigInt(negative ? word.slice(1) : word);
    return { type, value: negative ? -digits : digits };
  }
  return { type, value: Number(word) };
}

function stringType(expected: string | null): string {
  return expected === 'o' || expected === 'g' ? expected : 's';
}

function readAnnotated(reader: TextReader): Variant {
  reader.expect('@');
  const type = reader.text.slice(reader.at, typeEnd(reader.text, reader.at));
  reader.at += type.length;
  const { value } = readNode(reader, type);
  return { type, value };
}

/** A type string ends at the first space outside brackets. */
function typeEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && text.charAt(end) !== ' ') end++;
  return end;
}

function readVariant(reader: TextReader): Variant {
  reader.expect('<');
  const inner = readNode(reader, null);
  reader.expect('>');
  return { type: 'v', value: inner };
}

function readArray(reader: TextReader, expected: string | null): Variant {
  reader.expect('[');
  let item = expected?.startsWith('a') === true ? expected.slice(1) : null;
  const values: GValue[] = [];
  while (reader.peek() !== ']') {
    if (values.length > 0) reader.expect(',');
    const node = readNode(reader, item);
    item ??= node.type;
    if (node.type !== item) throw reader.wrong('unable to find a common type');
    values.push(node.value);
  }
  reader.expect(']');
  if (item === null) throw reader.wrong('unable to infer type');
  return {
    type: `a${item}`,
    value: item === 'y' ? Uint8Array.from(values as readonly number[]) : values,
  };
}

function readDictionary(reader: TextReader, expected: string | null): Variant {
  reader.expect('{');
  const types = expected?.startsWith('a{') === true ? expected.slice(2, -1) : null;
  let key = types === null ? null : types.charAt(0);
  let item = types === null ? null : types.slice(1);
  const entries: GValue[] = [];
  while (reader.peek() !== '}') {
    if (entries.length > 0) reader.expect(',');
    const name = readNode(reader, key);
    reader.expect(':');
    const value = readNode(reader, item);
    key ??= name.type;
    item ??= value.type;
    if (name.type !== key || value.type !== item) throw reader.wrong('unable to find a common type');
    entries.push([name.value, value.value]);
  }
  reader.expect('}');
  if (key === null || item === null) throw reader.wrong('unable to infer type');
  return { type: `a{${key}${item}}`, value: entries };
}

function readTuple(reader: TextReader, expected: string | null): Variant {
  reader.expect('(');
  const nodes: Variant[] = [];
  while (reader.peek() !== ')') {
    nodes.push(readNode(reader, null));
    if (reader.peek() !== ')') reader.expect(',');
  }
  reader.expect(')');
  const type = `(${nodes.map((node) => node.type).join('')})`;
  if (expected !== null && expected !== type) throw reader.wrong(`expected ${expected}`);
  return { type, value: nodes.map((node) => node.value) };
}

const ESCAPED: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
};

function readString(reader: TextReader): string {
  const quote = reader.text.charAt(reader.at++);
  let value = '';
  while (reader.text.charAt(reader.at) !== quote) {
    if (reader.atEnd) throw reader.wrong('unterminated string constant');
    const c = reader.text.charAt(reader.at++);
    value += c === '\\' ? readEscape(reader) : c;
  }
  reader.at++;
  return value;
}

function readEscape(reader: TextReader): string {
  const letter = reader.text.charAt(reader.at++);
  const digits = letter === 'u' ? 4 : letter === 'U' ? 8 : 0;
  if (digits === 0) return ESCAPED[letter] ?? letter;
  const code = Number(`0x${reader.text.slice(reader.at, reader.at + digits)}`);
  reader.at += digits;
  if (!(code <= 0x10ffff)) throw reader.wrong('invalid unicode character');
  return String.fromCodePoint(code);
}
