/**
 * A file of `kargs.d`, as bootc reads them: TOML with `kargs`, an array of strings, and, where it is not for every
 * machine, `match-architectures`. Of TOML only what these two need is read.
 */
import { UserError } from '#ostree/format/errors.ts';
import { kernelArgProblem } from '#ostree/format/kernel-args.ts';

export interface KargsFile {
  readonly kargs: readonly string[];
  /** As `uname -m` names them; null: all. */
  readonly architectures: readonly string[] | null;
}

interface Cursor {
  readonly text: string;
  at: number;
}

const KEYS = ['kargs', 'match-architectures'];
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', t: '\t' };

/** @throws UserError BAD_KARGS_FILE with the line */
export function parseKargsFile(text: string): KargsFile {
  const cursor: Cursor = { text, at: 0 };
  const found = new Map<string, string[]>();
  for (skipBlank(cursor); cursor.at < text.length; skipBlank(cursor)) {
    const key = readKey(cursor);
    if (!KEYS.includes(key) || found.has(key))
      throw bad(cursor, `the key '${key}' is not one of ${KEYS.join(', ')}, once`);
    skipSpaces(cursor);
    take(cursor, '=');
    skipSpaces(cursor);
    found.set(key, readStrings(cursor));
    skipSpaces(cursor);
    if (cursor.at < text.length && !'\n\r#'.includes(text.charAt(cursor.at)))
      throw bad(cursor, 'the line goes on');
  }
  const kargs = found.get('kargs');
  if (kargs === undefined) throw bad(cursor, `it has no 'kargs'`);
  for (const token of kargs) {
    const why = kernelArgProblem(token);
    if (why !== null) throw new UserError('BAD_KARGS_FILE', `the kernel argument '${token}' ${why}`);
  }
  return { kargs, architectures: found.get('match-architectures') ?? null };
}

function readKey(cursor: Cursor): string {
  const start = cursor.at;
  while (isKeyCharacter(cursor.text.charAt(cursor.at))) cursor.at++;
  if (cursor.at === start) throw bad(cursor, 'there is no key');
  return cursor.text.slice(start, cursor.at);
}

function readStrings(cursor: Cursor): string[] {
  const strings: string[] = [];
  take(cursor, '[');
  for (skipBlank(cursor); cursor.text.charAt(cursor.at) !== ']'; skipBlank(cursor)) {
    strings.push(readString(cursor));
    skipBlank(cursor);
    if (cursor.text.charAt(cursor.at) !== ']') take(cursor, ',');
  }
  take(cursor, ']');
  return strings;
}

/** A token of the kernel command line: it may hold no line end. */
function readString(cursor: Cursor): string {
  const quote = cursor.text.charAt(cursor.at);
  if (quote !== '"' && quote !== "'") throw bad(cursor, 'there is no string');
  let value = '';
  for (cursor.at++; cursor.text.charAt(cursor.at) !== quote; cursor.at++) {
    let character = cursor.text.charAt(cursor.at);
    if (character === '' || character === '\n' || character === '\r')
      throw bad(cursor, 'the string has no end');
    if (character === '\\' && quote === '"') {
      const escaped = ESCAPES[cursor.text.charAt(++cursor.at)];
      if (escaped === undefined) throw bad(cursor, 'the escape is not known');
      character = escaped;
    }
    value += character;
  }
  cursor.at++;
  if (value.trim() === '') throw bad(cursor, 'the string is empty');
  return value;
}

function take(cursor: Cursor, wanted: string): void {
  if (cursor.text.charAt(cursor.at) !== wanted) throw bad(cursor, `there is no '${wanted}'`);
  cursor.at++;
}

/** Spaces, line ends and comments. */
function skipBlank(cursor: Cursor): void {
  for (;;) {
    const character = cursor.text.charAt(cursor.at);
    if (character === '#') skipLine(cursor);
    else if (character === '' || !' \t\r\n'.includes(character)) return;
    else cursor.at++;
  }
}

function skipSpaces(cursor: Cursor): void {
  while (cursor.at < cursor.text.length && ' \t'.includes(cursor.text.charAt(cursor.at))) cursor.at++;
}

function skipLine(cursor: Cursor): void {
  const end = cursor.text.indexOf('\n', cursor.at);
  cursor.at = end < 0 ? cursor.text.length : end;
}

function isKeyCharacter(character: string): boolean {
  return (character >= 'a' && character <= 'z') || character === '-' || character === '_';
}

function bad({ text, at }: Cursor, why: string): UserError {
  const line = text.slice(0, at).split('\n').length;
  return new UserError('BAD_KARGS_FILE', `line ${line}: ${why}`);
}
