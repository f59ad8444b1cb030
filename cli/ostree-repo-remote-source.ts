/** Opening what a remote's addresses lead to. */
import { remoteCookies } from '#cli/ostree-repo-remote-cookies.ts';
import type { CliContext } from '#cli/context.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import { openFetcher, type FetchOptions, type Fetcher } from '#ostree/repo/http-fetch.ts';
import { fetchMetalink } from '#ostree/repo/metalink.ts';
import { httpSource, localSource, type PullSource } from '#ostree/repo/pull-source.ts';
import { cookieHeader } from '#ostree/repo/remote-cookies.ts';
import type { Remote } from '#ostree/repo/remote.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';

export interface OpenSource {
  readonly source: PullSource;
  /** Bytes over the wire so far; null for a repository of this machine. */
  transferred(): number | null;
  close(): void;
}

export interface SourceOptions extends FetchOptions {
  /** Instead of the remote's own address. */
  readonly url?: string | undefined;
}

/** @throws UserError UNCONFIGURED, CUSTOM_BACKEND, NO_SETTING, FETCH_FAILED, NO_REPO */
export async function openSource(
  context: CliContext,
  repo: Repo,
  remote: Remote,
  options: SourceOptions = {},
): Promise<OpenSource> {
  refuseUnusable(remote);
  const url = options.url ?? remote.url;
  if (url === null && remote.metalink !== null) return await openMetalink(repo, remote, options);
  if (url === null) throw new UserError('NO_SETTING', `No "url" option in remote "${remote.name}"`);
  if (url.startsWith('file://')) return openLocal(context, decodeURIComponent(url.slice('file://'.length)));
  const contentUrl = options.url === undefined ? remote.contentUrl : null;
  return await openHttp(repo, remote, { options, url, contentUrl: contentUrl ?? url });
}

function refuseUnusable(remote: Remote): void {
  if (remote.unconfiguredState !== null) throw new UserError('UNCONFIGURED', remote.unconfiguredState);
  if (remote.customBackend !== null)
    throw new UserError(
      'CUSTOM_BACKEND',
      `Cannot fetch via libostree - remote '${remote.name}' uses custom backend '${remote.customBackend}'`,
    );
}

function openLocal(context: CliContext, path: string): OpenSource {
  const from = openRepo(context.sys, path);
  return { source: localSource(from), transferred: () => null, close: () => closeRepo(from) };
}

async function openHttp(
  repo: Repo,
  remote: Remote,
  at: { readonly options: SourceOptions; readonly url: string; readonly contentUrl: string },
): Promise<OpenSource> {
  const fetchers: Fetcher[] = [];
  const open = async (address: string): Promise<Fetcher> => {
    const bases = await mirrors(remote, address, at.options);
    const cookies = cookieHeader(remoteCookies(repo, remote.name), bases[0] ?? '');
    const fetcher = openFetcher(remote, bases, { ...at.options, cookies });
    fetchers.push(fetcher);
    return fetcher;
  };
  const metadata = await open(at.url);
  const content = at.contentUrl === at.url ? metadata : await open(at.contentUrl);
  return {
    source: httpSource(at.url, { metadata, content }),
    transferred: () => fetchers.reduce((sum, fetcher) => sum + fetcher.transferred(), 0),
    close: () => fetchers.forEach((fetcher) => fetcher.close()),
  };
}

/** The addresses that `mirrorlist=URL` leads to, or the address itself. @throws UserError FETCH_FAILED */
async function mirrors(remote: Remote, address: string, options: FetchOptions): Promise<string[]> {
  const prefix = 'mirrorlist=';
  if (!address.startsWith(prefix)) return [withoutSlash(address)];
  const list = address.slice(prefix.length);
  const slash = list.lastIndexOf('/');
  const fetcher = openFetcher(remote, [list.slice(0, slash)], options);
  try {
    const bytes = await fetcher.get(list.slice(slash + 1), 1024 * 1024);
    const lines = (bytes === null ? '' : (utf8Text(bytes) ?? '')).split('\n').map((line) => line.trim());
    const found = lines.filter((line) => /^https?:\/\//.test(line)).map(withoutSlash);
    if (found.length === 0)
      throw new UserError('FETCH_FAILED', `No valid mirrors were found in mirrorlist '${list}'`);
    return found;
  } finally {
    fetcher.close();
  }
}

/** The summary comes verified from a mirror; the other files lie beside it there. */
async function openMetalink(repo: Repo, remote: Remote, options: FetchOptions): Promise<OpenSource> {
  const { summary, base } = await fetchMetalink(remote, remote.metalink ?? '', options);
  const opened = await openHttp(repo, remote, { options, url: base, contentUrl: base });
  const source: PullSource = {
    ...opened.source,
    file: (path) => (path === 'summary' ? Promise.resolve(summary) : opened.source.file(path)),
  };
  return { ...opened, source };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
