/** A summary in ostree's words. */
import { lookupVariant } from '#ostree/format/commit.ts';
import { byteswapped, gvariantPlainText, gvariantText } from '#ostree/format/gvariant-text.ts';
import { parse, swap64, type Variant } from '#ostree/format/gvariant.ts';
import { collectionRefs, SUMMARY_TYPE, type Summary, type SummaryRef } from '#ostree/repo/summary.ts';

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
  'ostree.summary.collection-map': 'Collection Map',
  'ostree.static-deltas': 'Static Deltas',
};
const TIMES = ['ostree.commit.timestamp', 'ostree.summary.last-modified', 'ostree.summary.expires'];

/** The file itself as GVariant text; as ostree prints it, all numbers are taken for big-endian ones. */
export function rawSummaryText(bytes: Uint8Array): string {
  return `${gvariantText(SUMMARY_TYPE, byteswapped(SUMMARY_TYPE, parse(SUMMARY_TYPE, bytes)))}\n`;
}

/** A summary of a collection has its refs, and those of the other collections in it, with the collection's name. */
export function summaryText(summary: Summary): string {
  const { refs, metadata } = summary;
  const collection = lookupVariant(metadata, 'ostree.summary.collection-id', 's') as string | undefined;
  const own = refs.map((ref) => refText(ref, collection));
  const others = [...collectionRefs(summary)].flatMap(([name, ones]) =>
    ones.map((ref) => refText(ref, name)),
  );
  const lines = metadata.map(([key, value]) => settingText(key, value, NAMES));
  return `${[...own, ...others].join('')}${lines.join('')}`;
}

function refText({ name, size, checksum, metadata }: SummaryRef, collection: string | undefined): string {
  const lines = metadata.map(([key, value]) => `    ${settingText(key, value, REF_NAMES)}`);
  const shown = collection === undefined ? name : `(${collection}, ${name})`;
  return `* ${shown}\n    Latest Commit (${size} bytes):\n      ${checksum}\n${lines.join('')}\n`;
}

function settingText(key: string, value: Variant, names: Readonly<Record<string, string>>): string {
  const label = names[key] === undefined ? key : `${names[key]} (${key})`;
  return `${label}: ${valueText(key, value)}\n`;
}

function valueText(key: string, { type, value }: Variant): string {
  if (TIMES.includes(key) && typeof value === 'bigint')
    return new Date(Number(swap64(value)) * 1000).toISOString().replace(/\.\d+Z$/, '+00');
  if (key === 'ostree.summary.collection-map') return '(printed above)';
  if (key === 'ostree.summary.tombstone-commits') return value === true ? 'Yes' : 'No';
  return type === 's' && names(key) ? (value as string) : gvariantPlainText(type, value);
}

function names(key: string): boolean {
  return NAMES[key] !== undefined || REF_NAMES[key] !== undefined;
}
