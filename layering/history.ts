/** What was changed, when and by whom: a file of the stateroot's /var, a JSON line a change. `undo` takes one back. */
import fs from 'node:fs';
import path from 'node:path';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { INITRAMFS_OF_TREE, undoneInitramfs } from '#layering/initramfs-request.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';

export interface HistoryRecord {
  /** From 1 on; never given twice. */
  readonly id: number;
  /** Seconds since the epoch. */
  readonly time: number;
  /** The command line, and who gave it. */
  readonly command: string;
  readonly user: string;
  /** Checksums of the deployment that the change started from and of the one it made. */
  readonly from: string;
  readonly to: string;
  readonly treeName: string;
  /** Commits of the base. */
  readonly baseBefore: Checksum;
  readonly baseAfter: Checksum;
  readonly before: LayerOrigin;
  readonly after: LayerOrigin;
  /** NEVRAs; of replaced packages `OLD -> NEW`. */
  readonly install: readonly string[];
  readonly remove: readonly string[];
  readonly replace: readonly string[];
  readonly restore: readonly string[];
}

const FILE = 'history.jsonl';
/** The number of the newest change, which the history may lose. */
const LAST_ID = 'history.last-id';
/** Older ones go, as many at once. */
const MOST_RECORDS = 1000;
const LISTS = [
  'requested',
  'requestedLocal',
  'groups',
  'removals',
  'replaceLocal',
  'replaceRemote',
  'replaceFiles',
] as const;

export interface History {
  /** The oldest first; none where there is no file. */
  readonly records: readonly HistoryRecord[];
  /** Host path. */
  readonly file: string;
  /** How many lines cannot be read. */
  readonly unreadable: number;
}

export function readHistory(directory: string): History {
  return historyIn(path.join(directory, FILE), textOf(directory, FILE));
}

function textOf(directory: string, name: string): string {
  const file = path.join(directory, name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

function historyIn(file: string, text: string): History {
  const lines = text.split('\n').filter((line) => line !== '');
  const records = lines.flatMap((line) => parsedRecord(line) ?? []);
  return { records, file, unreadable: lines.length - records.length };
}

/** What to tell of lines that cannot be read; null where there are none. */
export function historyFault({ file, unreadable }: History): string | null {
  if (unreadable === 0) return null;
  const lines = unreadable === 1 ? '1 line' : `${unreadable} lines`;
  return `${file}: ${lines} cannot be read: what was changed there can be neither listed nor undone`;
}

/**
 * Adds a record, as a line of its own and not synced: a crash soon after may leave the history without it, or with a part of
 * it that cannot be read; what was there before stays. @returns its id
 */
export function appendHistory(directory: string, record: Omit<HistoryRecord, 'id'>): number {
  const text = textOf(directory, FILE);
  const file = path.join(directory, FILE);
  const { records: known } = historyIn(file, text);
  const added = { ...record, id: lastId(text, textOf(directory, LAST_ID)) + 1 };
  fs.mkdirSync(directory, { recursive: true });
  // First: a number that is skipped does no harm, one that is given twice undoes another change.
  fs.writeFileSync(path.join(directory, LAST_ID), `${added.id}\n`, { mode: 0o644 });
  if (known.length >= 2 * MOST_RECORDS) replaceHistory(file, [...known, added].slice(-MOST_RECORDS));
  else {
    // A crash may have cut the last record off.
    const start = text === '' || text.endsWith('\n') ? '' : '\n';
    fs.appendFileSync(file, `${start}${JSON.stringify(added)}\n`, { mode: 0o644 });
  }
  return added.id;
}

/** The greatest number given so far: by the file that keeps it, and by all lines, also those that cannot be read. */
function lastId(history: string, kept: string): number {
  const ids = [...history.matchAll(/"id":\s*([0-9]{1,9})\b/g)].map(([, id]) => Number(id));
  const last = /^[0-9]{1,9}\n?$/.test(kept) ? Number(kept) : 0;
  return ids.reduce((most, id) => Math.max(most, id), last);
}

/** New file, sync, rename: a crash leaves the old or the new one. */
function replaceHistory(file: string, records: readonly HistoryRecord[]): void {
  const fd = fs.openSync(`${file}.new`, 'w', 0o644);
  try {
    fs.writeSync(fd, records.map((one) => `${JSON.stringify(one)}\n`).join(''));
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(`${file}.new`, file);
}

/** @throws UserError NO_CHANGE */
export function recordOf(history: History, id: number): HistoryRecord {
  const found = history.records.find((one) => one.id === id);
  if (found !== undefined) return found;
  const fault = historyFault(history);
  throw new UserError('NO_CHANGE', `there is no change ${id} in the history`, {
    hint: `'yum-ostree history' lists the changes${fault === null ? '' : `; ${fault}`}`,
  });
}

/** The requests without what the change added, and with what it took away; later changes stay. */
export function undoneRequests(present: LayerOrigin, { before, after }: HistoryRecord): LayerOrigin {
  const result = { ...present };
  for (const key of LISTS) {
    const added = new Set(after[key].filter((one) => !before[key].includes(one)));
    const gone = before[key].filter((one) => !after[key].includes(one));
    result[key] = [...new Set([...present[key].filter((one) => !added.has(one)), ...gone])];
  }
  const weak = before.weakDependencies === after.weakDependencies ? present : before;
  const initramfs = undoneInitramfs(present.initramfs, { before: before.initramfs, after: after.initramfs });
  return { ...result, weakDependencies: weak.weakDependencies, initramfs };
}

function parsedRecord(line: string): HistoryRecord | null {
  try {
    const value = JSON.parse(line) as HistoryRecord;
    const isWhole = Number.isInteger(value.id) && [value.before, value.after].every(isOrigin);
    return isWhole ? { ...value, before: completed(value.before), after: completed(value.after) } : null;
  } catch {
    return null;
  }
}

/** Records from before there were requests for an initramfs have none. */
function completed(origin: LayerOrigin): LayerOrigin {
  return { ...origin, initramfs: { ...INITRAMFS_OF_TREE, ...origin.initramfs } };
}

function isOrigin(origin: LayerOrigin): boolean {
  return typeof origin.base === 'string' && LISTS.every((key) => Array.isArray(origin[key]));
}
