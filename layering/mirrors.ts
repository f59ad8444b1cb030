import { SaxesParser } from 'saxes';
import { UserError } from '#ostree/format/errors.ts';

/** Where a repository is mirrored, and (from a metalink) what its repomd.xml may look like. */
export interface Mirrors {
  /** Addresses of the repository itself, best first, each with a slash at its end. */
  readonly baseUrls: readonly string[];
  /** What an acceptable repomd.xml may have, one for each state; null for a list that knows nothing of it. */
  readonly repomd: readonly RepomdChecksum[] | null;
}

/** The strongest checksum that is given of a state. */
export interface RepomdChecksum {
  readonly type: 'sha256' | 'sha512';
  /** Lower-case. */
  readonly hex: string;
}

const REPOMD = 'repodata/repomd.xml';

/** The addresses in a mirror list: one a line, `#` begins a comment. @throws UserError BAD_METADATA where there is none */
export function parseMirrorlist(text: string, source: string): Mirrors {
  const lines = text.split('\n').map((line) => line.trim());
  const baseUrls = lines.filter((line) => /^(https?|file):\/\//.test(line)).map(withSlash);
  if (baseUrls.length === 0)
    throw new UserError('BAD_METADATA', `${source}: the mirror list names no mirror`);
  return { baseUrls, repomd: null };
}

/**
 * The mirrors of a metalink for repomd.xml, and the checksums of the newest state and of those that some mirrors may
 * still have (`alternates`). @throws UserError BAD_METADATA
 */
export function parseMetalink(xml: string, source: string): Mirrors {
  const parser = new SaxesParser();
  const urls: { url: string; preference: number }[] = [];
  const states: RepomdChecksum[] = [];
  let hashes = new Map<string, string>();
  let isRepomd = true;
  let text = '';
  parser.on('error', (error) => {
    throw new UserError('BAD_METADATA', `${source}: not a metalink: ${error.message}`, { cause: error });
  });
  parser.on('opentag', ({ name, attributes }) => {
    text = '';
    if (name === 'file') isRepomd = attributes.name === undefined || attributes.name === 'repomd.xml';
    if (name === 'verification') hashes = new Map();
  });
  parser.on('text', (part) => (text += part));
  parser.on('closetag', ({ name, attributes }) => {
    const value = text.trim();
    text = '';
    if (!isRepomd) return;
    if (name === 'hash') hashes.set(attributes.type ?? '', value.toLowerCase());
    if (name === 'verification') states.push(...strongest(hashes));
    if (name === 'url' && /^(https?|file):\/\//.test(value) && value.endsWith(REPOMD))
      urls.push({ url: value.slice(0, -REPOMD.length), preference: Number(attributes.preference) || 0 });
  });
  parser.write(xml).close();
  if (urls.length === 0) throw new UserError('BAD_METADATA', `${source}: the metalink names no mirror`);
  const baseUrls = urls.sort((a, b) => b.preference - a.preference).map(({ url }) => withSlash(url));
  return { baseUrls, repomd: states };
}

function strongest(hashes: ReadonlyMap<string, string>): RepomdChecksum[] {
  for (const type of ['sha512', 'sha256'] as const) {
    const hex = hashes.get(type);
    if (hex !== undefined) return [{ type, hex }];
  }
  return [];
}

/** An address that other addresses can be appended to. */
export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
