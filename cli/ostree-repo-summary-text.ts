/** A summary in ostree's words. */
import { gvariantText } from '#ostree/format/gvariant-text.ts';
import { swap64, type Variant } from '#ostree/format/gvariant.ts';
import type { Summary, SummaryRef } from '#ostree/repo/summary.ts';

const REF_NAMES: Readonly<Record<string, string>> = {
  'ostree.commit.version': 'Version',
  'ostree.commit.timestamp': 'Timestamp',
};
const NAMES: Readonly<Record<string, string>> = {
  'ostree.summary.mode': 'Repository Mode',
  'ostree.summary.last-modified': 'Last-Modified',
  'ostree.summary.expires': 'Expires',
  'ostree.summary.tombstone-commits': 'Has Tombstone Commits',
  'ostree.summary.collection-id': 'Collection ID',
  'ostree.static-deltas': 'Static Deltas',
};
const TIMES = ['ostree.commit.timestamp', 'ostree.summary.last-modified', 'ostree.summary.expires'];

export function summaryText({ refs, metadata }: Summary): string {
  const lines = metadata.map(([key, value]) => settingText(key, value, NAMES));
  return `${refs.map(refText).join('')}${lines.join('')}`;
}

function refText({ name, size, checksum, metadata }: SummaryRef): string {
  const lines = metadata.map(([key, value]) => `    ${settingText(key, value, REF_NAMES)}`);
  return `* ${name}\n    Latest Commit (${size} bytes):\n      ${checksum}\n${lines.join('')}\n`;
}

function settingText(key: string, value: Variant, names: Readonly<Record<string, string>>): string {
  const label = names[key] === undefined ? key : `${names[key]} (${key})`;
  return `${label}: ${valueText(key, value)}\n`;
}

function valueText(key: string, { type, value }: Variant): string {
  if (TIMES.includes(key) && typeof value === 'bigint')
    return new Date(Number(swap64(value)) * 1000).toISOString().replace(/\.\d+Z$/, '+00');
  if (key === 'ostree.summary.tombstone-commits') return value === true ? 'Yes' : 'No';
  return type === 's' && names(key) ? (value as string) : gvariantText(type, value);
}

function names(key: string): boolean {
  return NAMES[key] !== undefined || REF_NAMES[key] !== undefined;
}
