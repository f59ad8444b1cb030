/** Metalink 3: where a file's mirrors are and what its checksums must be. Only the file `summary` is looked for. */
import { SaxesParser } from 'saxes';
import { createHash } from '#native/hash.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { openFetcher, type FetchOptions } from '#ostree/repo/http-fetch.ts';
import type { Remote } from '#ostree/repo/remote.ts';

export interface Metalink {
  /** Bytes. */
  readonly size: number;
  readonly hash: { readonly type: 'sha256' | 'sha512'; readonly digest: string };
  /** Of the summary, the preferred one first. */
  readonly urls: readonly string[];
}

const DIGEST_LENGTH = { sha256: 64, sha512: 128 } as const;

/** @throws UserError BAD_METALINK */
export function parseMetalink(text: string): Metalink {
  const found = readElements(text);
  const size = Number(found.size);
  if (!Number.isInteger(size) || size < 1)
    throw new UserError('BAD_METALINK', `Invalid size for metalink element: '${found.size}'`);
  const type = found.hashes.has('sha512') ? 'sha512' : 'sha256';
  const digest = found.hashes.get(type)?.trim().toLowerCase();
  if (digest === undefined)
    throw new UserError('BAD_METALINK', 'No <verification> element with known <hash type=> found');
  if (digest.length !== DIGEST_LENGTH[type] || !/^[0-9a-f]+$/.test(digest))
    throw new UserError('BAD_METALINK', `Invalid hash digest for ${type}`);
  const urls = [...found.urls].sort((a, b) => b.preference - a.preference).map(({ url }) => url);
  if (urls.length === 0) throw new UserError('BAD_METALINK', 'No <url protocol=> method elements found');
  return { size, hash: { type, digest }, urls };
}

/** The summary from the first mirror that has the right one. @throws UserError BAD_METALINK, FETCH_FAILED */
export async function fetchMetalink(
  remote: Remote,
  address: string,
  options: FetchOptions,
): Promise<{ readonly summary: Uint8Array; readonly base: string }> {
  const text = await fetchFile(remote, address, options);
  if (text === null)
    throw new UserError('FETCH_FAILED', `While fetching ${address}: Server returned HTTP 404`);
  const metalink = parseMetalink(Buffer.from(text).toString());
  let failure = new UserError('FETCH_FAILED', `${address}: none of its mirrors has the summary (404)`);
  for (const url of metalink.urls) {
    try {
      const summary = await fetchFile(remote, url, options);
      if (summary === null) continue;
      refuseOther(metalink, summary);
      return { summary, base: url.slice(0, url.lastIndexOf('/')) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function refuseOther({ size, hash }: Metalink, bytes: Uint8Array): void {
  if (bytes.length !== size)
    throw new UserError(
      'BAD_METALINK',
      `Expected size is ${size} bytes but content is ${bytes.length} bytes`,
    );
  const actual = createHash(hash.type).update(bytes).digest('hex');
  if (actual !== hash.digest)
    throw new UserError('BAD_METALINK', `Expected checksum is ${hash.digest} but actual is ${actual}`);
}

async function fetchFile(remote: Remote, url: string, options: FetchOptions): Promise<Uint8Array | null> {
  const slash = url.lastIndexOf('/');
  const fetcher = openFetcher(remote, [url.slice(0, slash)], options);
  try {
    return await fetcher.get(url.slice(slash + 1), 128 * 1024 * 1024);
  } finally {
    fetcher.close();
  }
}

interface Elements {
  size: string;
  readonly hashes: Map<string, string>;
  readonly urls: { readonly url: string; readonly preference: number }[];
}

/** What `metalink/files/file[@name="summary"]` holds; anything else may be there too. */
function readElements(text: string): Elements {
  const found: Elements = { size: '', hashes: new Map(), urls: [] };
  const open: {
    readonly name: string;
    readonly attributes: Readonly<Record<string, string>>;
    text: string;
  }[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw new UserError('BAD_METALINK', `Document must begin with an element (${messageOf(error)})`);
  });
  parser.on('opentag', ({ name, attributes }) => {
    open.push({ name, attributes: attributes, text: '' });
  });
  parser.on('text', (piece) => {
    const last = open[open.length - 1];
    if (last !== undefined) last.text += piece;
  });
  parser.on('closetag', () => {
    const path = open.map(({ name }) => name).join('/');
    const isSummary = open[2]?.attributes['name'] === 'summary';
    const closed = open.pop();
    if (closed === undefined || !isSummary) return;
    if (path === 'metalink/files/file/size') found.size = closed.text.trim();
    if (path === 'metalink/files/file/verification/hash')
      found.hashes.set(closed.attributes['type'] ?? '', closed.text);
    if (path === 'metalink/files/file/resources/url' && /^https?$/.test(closed.attributes['protocol'] ?? ''))
      found.urls.push({ url: closed.text.trim(), preference: Number(closed.attributes['preference'] ?? 0) });
  });
  parser.write(text).close();
  return found;
}
