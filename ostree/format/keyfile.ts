/**
 * Key files (GKeyFile, Desktop Entry Specification section 3): groups in `[brackets]`, `key=value` lines, comments.
 * A change keeps every other line, comment and unknown group as it was.
 */
import { UserError } from '#ostree/format/errors.ts';

interface Line {
  readonly kind: 'group' | 'entry' | 'other';
  /** The group's name or the entry's key. */
  readonly name: string;
  /** The entry's raw (escaped) value, or the whole text of another line. */
  readonly text: string;
}

export interface KeyFile {
  readonly lines: readonly Line[];
}

export const EMPTY_KEYFILE: KeyFile = { lines: [] };

/** @throws UserError BAD_KEYFILE naming `file` and the line */
export function parseKeyFile(text: string, file: string): KeyFile {
  const lines: Line[] = [];
  let inGroup = false;
  const rows = text.split('\n');
  if (rows[rows.length - 1] === '') rows.pop();
  rows.forEach((row, index) => {
    const line = parseLine(row.endsWith('\r') ? row.slice(0, -1) : row);
    if (line === null || (line.kind === 'entry' && !inGroup))
      throw new UserError(
        'BAD_KEYFILE',
        `${file}:${index + 1}: '${row}' is not a group, key=value or comment`,
      );
    inGroup ||= line.kind === 'group';
    lines.push(line);
  });
  return { lines };
}

export function formatKeyFile(file: KeyFile): string {
  return file.lines
    .map((line) =>
      line.kind === 'group'
        ? `[${line.name}]`
        : line.kind === 'entry'
          ? `${line.name}=${line.text}`
          : line.text,
    )
    .map((line) => line + '\n')
    .join('');
}

/** The groups' names in their order, each once. */
export function keyFileGroups(file: KeyFile): string[] {
  return [...new Set(file.lines.filter((line) => line.kind === 'group').map((line) => line.name))];
}

/** The keys of a group in their order. */
export function keyFileKeys(file: KeyFile, group: string): string[] {
  return [...new Set(entriesOf(file, group).map((line) => line.name))];
}

/** The value with its escapes (\s \n \t \r \\) resolved; null where the key is not set. The last one counts. */
export function keyFileString(file: KeyFile, group: string, key: string): string | null {
  const found = entriesOf(file, group).filter((line) => line.name === key);
  const last = found[found.length - 1];
  return last === undefined ? null : unescapeValue(last.text);
}

/** A `;`-separated list; null where the key is not set. */
export function keyFileList(file: KeyFile, group: string, key: string): string[] | null {
  const found = entriesOf(file, group).filter((line) => line.name === key);
  const last = found[found.length - 1];
  if (last === undefined) return null;
  const items = splitList(last.text);
  if (items[items.length - 1] === '') items.pop();
  return items.map(unescapeValue);
}

/** `true`/`1` or `false`/`0`; null where the key is not set. @throws UserError BAD_KEYFILE for another value */
export function keyFileBoolean(file: KeyFile, group: string, key: string): boolean | null {
  const given = keyFileString(file, group, key);
  if (given === null) return null;
  const value = withoutTrailingBlanks(given);
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new UserError('BAD_KEYFILE', `[${group}] ${key}=${value} is neither true nor false`);
}

/** A copy with the key set (null removes it); a group that is missing is added at the end. */
export function withKey(
  file: KeyFile,
  group: string,
  key: string,
  value: string | readonly string[] | boolean | null,
): KeyFile {
  if (value === null)
    return { lines: file.lines.filter((line, at) => !isEntryOf(file, at, line, group, key)) };
  const entry: Line = { kind: 'entry', name: key, text: formatValue(value) };
  const kept = [...file.lines];
  const existing = lastIndexOfEntry(file, group, key);
  if (existing >= 0) kept[existing] = entry;
  else kept.splice(endOfGroup(kept, group), 0, entry);
  return { lines: kept };
}

/** A copy without the group and all its keys. */
export function withoutGroup(file: KeyFile, group: string): KeyFile {
  return { lines: file.lines.filter((_, at) => groupAt(file, at) !== group) };
}

function parseLine(row: string): Line | null {
  const trimmed = withoutLeadingBlanks(row);
  if (trimmed === '' || trimmed.startsWith('#')) return { kind: 'other', name: '', text: row };
  if (trimmed.startsWith('[')) {
    const end = withoutTrailingBlanks(trimmed);
    const name = end.slice(1, -1);
    return end.endsWith(']') && name !== '' && !name.includes('[') && !name.includes(']')
      ? { kind: 'group', name, text: '' }
      : null;
  }
  const equals = trimmed.indexOf('=');
  const key = withoutTrailingBlanks(trimmed.slice(0, Math.max(equals, 0)));
  if (key === '') return null;
  return { kind: 'entry', name: key, text: withoutLeadingBlanks(trimmed.slice(equals + 1)) };
}

/** Spaces and tabs only: a value may begin with any other blank of Unicode. */
function withoutLeadingBlanks(text: string): string {
  let start = 0;
  while (isBlank(text.charAt(start))) start++;
  return text.slice(start);
}

function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (isBlank(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}

function groupAt(file: KeyFile, index: number): string | null {
  for (let i = index; i >= 0; i--) {
    const line = file.lines[i];
    if (line?.kind === 'group') return line.name;
  }
  return null;
}

function entriesOf(file: KeyFile, group: string): Line[] {
  let current: string | null = null;
  return file.lines.filter((line) => {
    if (line.kind === 'group') current = line.name;
    return line.kind === 'entry' && current === group;
  });
}

function isEntryOf(file: KeyFile, at: number, line: Line, group: string, key: string): boolean {
  return line.kind === 'entry' && line.name === key && groupAt(file, at) === group;
}

function lastIndexOfEntry(file: KeyFile, group: string, key: string): number {
  for (let i = file.lines.length - 1; i >= 0; i--) {
    const line = file.lines[i];
    if (line !== undefined && isEntryOf(file, i, line, group, key)) return i;
  }
  return -1;
}

/** Where a new key of `group` goes: after the group's last entry. Adds the group where it is missing. */
function endOfGroup(lines: Line[], group: string): number {
  const start = lines.findIndex((line) => line.kind === 'group' && line.name === group);
  if (start < 0) {
    if (lines.length > 0 && lines[lines.length - 1]?.text !== '')
      lines.push({ kind: 'other', name: '', text: '' });
    lines.push({ kind: 'group', name: group, text: '' });
    return lines.length;
  }
  let end = start + 1;
  for (let i = start + 1; i < lines.length && lines[i]?.kind !== 'group'; i++)
    if (lines[i]?.kind === 'entry') end = i + 1;
  return end;
}

const ESCAPES: readonly (readonly [string, string])[] = [
  ['s', ' '],
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['\\', '\\'],
  [';', ';'],
];

function unescapeValue(raw: string): string {
  let text = '';
  for (let i = 0; i < raw.length; i++) {
    const escape =
      raw.charAt(i) === '\\' ? ESCAPES.find(([letter]) => letter === raw.charAt(i + 1)) : undefined;
    text += escape === undefined ? raw.charAt(i) : escape[1];
    if (escape !== undefined) i++;
  }
  return text;
}

function escapeValue(value: string, inList: boolean): string {
  let text = '';
  let leading = true;
  for (const c of value) {
    leading &&= c === ' ' || c === '\t';
    const plain = (c === ' ' && !leading) || (c === '\t' && !leading) || (c === ';' && !inList);
    const escape = plain ? undefined : ESCAPES.find(([, character]) => character === c);
    text += escape === undefined ? c : '\\' + escape[0];
  }
  return text;
}

function formatValue(value: string | readonly string[] | boolean): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return escapeValue(value, false);
  return value.map((item) => escapeValue(item, true) + ';').join('');
}

function splitList(raw: string): string[] {
  const items = [''];
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charAt(i);
    if (c === ';') items.push('');
    else {
      const pair = c === '\\' ? raw.slice(i, i + 2) : c;
      items[items.length - 1] += pair;
      i += pair.length - 1;
    }
  }
  return items;
}
