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

/** The oldest first; none where there is no file. Lines that cannot be read are passed over. */
export function readHistory(directory: string): HistoryRecord[] {
  return recordsIn(historyText(directory));
}

function historyText(directory: string): string {
  const file = path.join(directory, FILE);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

function recordsIn(text: string): HistoryRecord[] {
  return text.split('\n').flatMap((line) => parsedRecord(line) ?? []);
}

/**
 * Adds a record, as a line of its own and not synced: a crash soon after may leave the history without it, or with a part of
 * it that is passed over; what was there before stays. @returns its id
 */
export function appendHistory(directory: string, record: Omit<HistoryRecord, 'id'>): number {
  const text = historyText(directory);
  const known = recordsIn(text);
  const added = { ...record, id: (known.at(-1)?.id ?? 0) + 1 };
  const file = path.join(directory, FILE);
  fs.mkdirSync(directory, { recursive: true });
  if (known.length >= 2 * MOST_RECORDS) replaceHistory(file, [...known, added].slice(-MOST_RECORDS));
  else {
    // A crash may have cut the last record off.
    const start = text === '' || text.endsWith('\n') ? '' : '\n';
    fs.appendFileSync(file, `${start}${JSON.stringify(added)}\n`, { mode: 0o644 });
  }
  return added.id;
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
export function recordOf(records: readonly HistoryRecord[], id: number): HistoryRecord {
  const found = records.find((one) => one.id === id);
  if (found !== undefined) return found;
  throw new UserError('NO_CHANGE', `there is no change ${id} in the history`, {
    hint: "'yum-ostree history' lists the changes",
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
