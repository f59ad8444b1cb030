import { SaxesParser } from 'saxes';
import { UserError } from '#ostree/format/errors.ts';
import type { FileChecksum } from '#layering/transfer.ts';

/** One metadata file that repomd.xml lists. */
export interface RepomdRecord {
  /** 'primary', 'filelists', 'group', 'group_gz', 'modules', … */
  readonly type: string;
  /** Relative to the repository; checked to stay inside it. */
  readonly location: string;
  readonly checksum: FileChecksum;
  /** Bytes; null where it is not said. */
  readonly size: number | null;
}

/** What repomd.xml says, by type. */
export type Repomd = ReadonlyMap<string, RepomdRecord>;

/** Parses repomd.xml. @throws UserError BAD_METADATA naming `source` and what is wrong */
export function parseRepomd(xml: string, source: string): Repomd {
  const records = new Map<string, RepomdRecord>();
  const parser = new SaxesParser();
  let fields: Record<string, string> = {};
  let checksumType = '';
  let depth = 0;
  let text = '';
  const bad = (what: string): UserError => new UserError('BAD_METADATA', `${source}: ${what}`);
  parser.on('error', (error) => {
    throw bad(`not well-formed: ${error.message}`);
  });
  parser.on('opentag', ({ name, attributes }) => {
    depth += 1;
    text = '';
    if (depth === 1 && name !== 'repomd') throw bad(`it is a <${name}>, not a <repomd>`);
    if (depth === 2) fields = { element: name, type: attributes.type ?? '' };
    if (name === 'location') fields.location = attributes.href ?? '';
    if (name === 'checksum') checksumType = attributes.type ?? '';
  });
  parser.on('text', (part) => (text += part));
  parser.on('closetag', ({ name }) => {
    depth -= 1;
    if (depth === 2) fields[name] ??= text.trim();
    if (depth !== 1 || fields.element !== 'data') return;
    const record = recordOf(fields, checksumType, bad);
    records.set(record.type, record);
  });
  parser.write(xml).close();
  if (!records.has('primary')) throw bad('it lists no primary metadata');
  return records;
}

/** The forms of the groups file, the cheapest to get first; empty where the repository has no groups. */
export function groupRecords(repomd: Repomd): RepomdRecord[] {
  return ['group_zst', 'group_xz', 'group_gz', 'group'].flatMap((type) => repomd.get(type) ?? []);
}

/**
 * Whether a path from metadata stays below where it is put: relative, without `..`, without control characters.
 */
export function isSafeLocation(location: string): boolean {
  if (location === '' || location.startsWith('/') || /[\0-\x1f\x7f\\]/.test(location)) return false;
  return !location.split('/').includes('..') && !/^[a-z][a-z0-9+.-]*:/i.test(location);
}

function recordOf(
  fields: Readonly<Record<string, string>>,
  checksumType: string,
  bad: (what: string) => UserError,
): RepomdRecord {
  const { type = '', location = '', checksum = '', size } = fields;
  if (!/^[\w-]+$/.test(type)) throw bad(`it lists data of the odd type '${type}'`);
  if (!isSafeLocation(location)) throw bad(`${type} is said to be at '${location}', outside the repository`);
  if (!/^[0-9a-fA-F]+$/.test(checksum)) throw bad(`${type} has no checksum`);
  return {
    type,
    location,
    checksum: { type: checksumType, hex: checksum.toLowerCase() },
    size: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : null,
  };
}
