import { SaxesParser } from 'saxes';
import { UserError } from '#ostree/format/errors.ts';

/** Where a repository is mirrored, and (from a metalink) what its repomd.xml may look like. */
export interface Mirrors {
  /** Addresses of the repository itself, best first, each with a slash at its end. */
  readonly baseUrls: readonly string[];
  /** SHA-256 of acceptable repomd.xml files, lower-case hex; null where nothing is said. */
  readonly repomdSha256: readonly string[] | null;
}

const REPOMD = 'repodata/repomd.xml';

/** The addresses in a mirror list: one a line, `#` begins a comment. @throws UserError BAD_METADATA where there is none */
export function parseMirrorlist(text: string, source: string): Mirrors {
  const lines = text.split('\n').map((line) => line.trim());
  const baseUrls = lines.filter((line) => /^(https?|file):\/\//.test(line)).map(withSlash);
  if (baseUrls.length === 0)
    throw new UserError('BAD_METADATA', `${source}: the mirror list names no mirror`);
  return { baseUrls, repomdSha256: null };
}

/** The mirrors of a metalink for repomd.xml. @throws UserError BAD_METADATA */
export function parseMetalink(xml: string, source: string): Mirrors {
  const parser = new SaxesParser();
  const urls: { url: string; preference: number }[] = [];
  const hashes: string[] = [];
  let text = '';
  parser.on('error', (error) => {
    throw new UserError('BAD_METADATA', `${source}: not a metalink: ${error.message}`, { cause: error });
  });
  parser.on('opentag', () => (text = ''));
  parser.on('text', (part) => (text += part));
  parser.on('closetag', ({ name, attributes }) => {
    const value = text.trim();
    text = '';
    if (name === 'hash' && attributes.type === 'sha256') hashes.push(value.toLowerCase());
    if (name === 'url' && /^(https?|file):\/\//.test(value) && value.endsWith(REPOMD))
      urls.push({ url: value.slice(0, -REPOMD.length), preference: Number(attributes.preference ?? 0) });
  });
  parser.write(xml).close();
  if (urls.length === 0) throw new UserError('BAD_METADATA', `${source}: the metalink names no mirror`);
  const baseUrls = urls.sort((a, b) => b.preference - a.preference).map(({ url }) => withSlash(url));
  return { baseUrls, repomdSha256: hashes.length > 0 ? hashes : null };
}

/** An address that other addresses can be appended to. */
export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
