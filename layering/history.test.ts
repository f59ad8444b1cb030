import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  appendHistory,
  historyFault,
  readHistory,
  recordOf,
  undoneRequests,
  type HistoryRecord,
} from '#layering/history.ts';
import { readLayerOrigin } from '#layering/layer-origin.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { parseKeyFile } from '#ostree/format/keyfile.ts';

const base = readLayerOrigin(parseKeyFile('[origin]\nrefspec=b\n', 'origin'));
const BASE = parseChecksum('a'.repeat(64));
const record: Omit<HistoryRecord, 'id'> = {
  time: 1_700_000_000,
  command: 'install gdb',
  user: 'root',
  from: '1',
  to: '2',
  treeName: 'b+gdb',
  baseBefore: BASE,
  baseAfter: BASE,
  before: { ...base, removals: ['nano'] },
  after: { ...base, requested: ['gdb'], groups: ['tracing'] },
  install: ['gdb-1-1.noarch'],
  remove: [],
  replace: [],
  restore: ['nano-1-1.noarch'],
};
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-history-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

function damage(text: string): void {
  fs.writeFileSync(path.join(directory, 'history.jsonl'), text);
}

test('records get numbers; a damaged line loses only itself, and is told of', () => {
  expect(readHistory(directory)).toMatchObject({ records: [], unreadable: 0 });
  expect(appendHistory(directory, record)).toBe(1);
  fs.appendFileSync(path.join(directory, 'history.jsonl'), '{"id": 2, "cut');
  expect(appendHistory(directory, record)).toBe(3);
  const history = readHistory(directory);
  expect(history.records.map(({ id }) => id)).toEqual([1, 3]);
  expect(historyFault(history)).toMatch(/history\.jsonl: 1 line cannot be read/);
  expect(() => recordOf(history, 2)).toThrow('there is no change 2');
});

test('no number is given twice, whatever became of the history', () => {
  expect([1, 2].map(() => appendHistory(directory, record))).toEqual([1, 2]);
  damage('{garbage\n');
  expect(historyFault(readHistory(directory))).toMatch(/1 line cannot be read/);
  expect(appendHistory(directory, record)).toBe(3);
  damage('');
  expect(appendHistory(directory, record)).toBe(4);
  // The other file may be lost as well, or be of before there was one.
  fs.writeFileSync(path.join(directory, 'history.last-id'), 'x');
  expect(appendHistory(directory, record)).toBe(5);
  fs.rmSync(path.join(directory, 'history.last-id'));
  expect(appendHistory(directory, record)).toBe(6);
});

test('undoing takes back what the change did, and leaves what came later', () => {
  const present = { ...record.after, requested: ['gdb', 'strace'], removals: ['pico'] };
  expect(undoneRequests(present, { ...record, id: 1 })).toEqual({
    ...base,
    requested: ['strace'],
    removals: ['pico', 'nano'],
  });
});
