/** Fetching files below the addresses of a remote: kept connections, retries, resumed bodies, mirrors. */
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import type { Remote } from '#ostree/repo/remote.ts';

export interface FetchOptions {
  /** Further request headers. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly userAgent?: string;
  /** How often a request that failed for a passing reason is made anew (default 5). */
  readonly retries?: number;
  /** The value of a Cookie header; '' for none. */
  readonly cookies?: string;
  readonly signal?: AbortSignal;
}

export interface Fetcher {
  /** The whole file; null where no mirror has it (404 or 410). @throws UserError FETCH_FAILED */
  get(path: string, limit?: number): Promise<Uint8Array | null>;
  /** Bytes that came over the wire so far. */
  transferred(): number;
  close(): void;
}

/** What a passing failure leaves of a body, for the next attempt to go on with. */
interface Partial {
  readonly chunks: Buffer[];
  length: number;
}

const MOST_REDIRECTS = 10;
/** Milliseconds without a byte. */
const IDLE_LIMIT = 60_000;
const WIDTH = 8;
/** Of one file held in memory, unless the caller says otherwise. */
const DEFAULT_LIMIT = 1024 * 1024 * 1024;

/** The requests of a remote; `bases` are tried in order for each file. */
export function openFetcher(remote: Remote, bases: readonly string[], options: FetchOptions = {}): Fetcher {
  const agents = openAgents(remote);
  let transferred = 0;
  const request: Request = {
    agents,
    headers: requestHeaders(options),
    retries: options.retries ?? 5,
    signal: options.signal,
    onBytes: (count) => (transferred += count),
  };
  return {
    async get(path, limit = DEFAULT_LIMIT) {
      let failure: UserError | null = null;
      for (const base of bases) {
        try {
          const found = await getWithRetries(`${base}/${path}`, request, limit);
          if (found !== null) return found;
        } catch (error) {
          if (!(error instanceof FetchError)) throw error;
          failure = error;
        }
      }
      if (failure !== null) throw failure;
      return null;
    },
    transferred: () => transferred,
    close() {
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

interface Agents {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
}

interface Request {
  readonly agents: Agents;
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
  onBytes(count: number): void;
}

class FetchError extends UserError {
  readonly transient: boolean;

  constructor(url: string, what: string, transient: boolean) {
    super('FETCH_FAILED', `While fetching ${withoutCredentials(url)}: ${what}`);
    this.transient = transient;
  }
}

function openAgents(remote: Remote): Agents {
  const proxyEnv = proxyEnvironment(remote.proxy);
  const shared = { keepAlive: true, maxSockets: WIDTH, proxyEnv };
  return {
    plain: new http.Agent(shared),
    secure: new https.Agent({
      ...shared,
      rejectUnauthorized: !remote.tlsPermissive,
      ca: certificate(remote.tlsCaPath),
      cert: certificate(remote.tlsClientCertPath),
      key: certificate(remote.tlsClientKeyPath),
    }),
  };
}

function proxyEnvironment(proxy: string | null): NodeJS.ProcessEnv {
  return proxy === null ? process.env : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
}

function certificate(file: string | null): Buffer | undefined {
  try {
    return file === null ? undefined : fs.readFileSync(file);
  } catch (cause) {
    throw new UserError('FETCH_FAILED', `certificate file ${file ?? ''}: ${messageOf(cause)}`, { cause });
  }
}

function requestHeaders(options: FetchOptions): Record<string, string> {
  return {
    'user-agent': options.userAgent ?? 'libostree',
    'accept-encoding': 'identity',
    ...(options.cookies === undefined || options.cookies === '' ? {} : { cookie: options.cookies }),
    ...Object.fromEntries(options.headers ?? []),
  };
}

async function getWithRetries(url: string, request: Request, limit: number): Promise<Uint8Array | null> {
  const partial: Partial = { chunks: [], length: 0 };
  for (let attempt = 0; ; attempt++) {
    const before = partial.length;
    try {
      return await getOnce(url, { ...request, limit, partial });
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof FetchError) || !error.transient) throw error;
      // An attempt that brought something forward is not counted against the number of retries.
      if (partial.length === before && attempt >= request.retries) throw error;
      if (partial.length === before) await pause(Math.min(100 * 2 ** attempt, 3000));
    }
  }
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

interface Attempt extends Request {
  readonly limit: number;
  readonly partial: Partial;
}

async function getOnce(url: string, attempt: Attempt): Promise<Uint8Array | null> {
  const first = parseUrl(url);
  let target = first;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const answer = await send(target, attempt, target.origin === first.origin);
    const status = answer.statusCode ?? 0;
    if (status === 200 || status === 206) return await body(url, answer, attempt);
    answer.resume();
    if (status === 404 || status === 410) return null;
    const { location } = answer.headers;
    if (status < 300 || status >= 400 || location === undefined) throw refused(url, status);
    target = redirected(target, location, url);
  }
  throw new FetchError(url, `more than ${MOST_REDIRECTS} redirects`, false);
}

function refused(url: string, status: number): FetchError {
  return new FetchError(
    url,
    `Server returned HTTP ${status}`,
    status >= 500 || status === 408 || status === 429,
  );
}

async function body(url: string, answer: http.IncomingMessage, attempt: Attempt): Promise<Uint8Array> {
  const { partial, limit } = attempt;
  const resumes =
    answer.statusCode === 206 && answer.headers['content-range']?.startsWith(`bytes ${partial.length}-`);
  if (resumes !== true) {
    partial.chunks.length = 0;
    partial.length = 0;
  }
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      partial.chunks.push(chunk);
      partial.length += chunk.length;
      attempt.onBytes(chunk.length);
      if (partial.length > limit) break;
    }
  } catch (error) {
    throw new FetchError(url, `Download incomplete (${messageOf(error)})`, true);
  }
  if (partial.length > limit) throw new FetchError(url, `it is larger than ${limit} bytes`, false);
  return Buffer.concat(partial.chunks);
}

function send(target: URL, attempt: Attempt, ownServer: boolean): Promise<http.IncomingMessage> {
  const secure = target.protocol === 'https:';
  const { agents, partial, signal } = attempt;
  return new Promise((resolve, reject) => {
    const sent = (secure ? https : http).get(
      {
        protocol: target.protocol,
        hostname: target.hostname.replace(/^\[|\]$/g, ''),
        port: target.port,
        path: `${target.pathname}${target.search}`,
        agent: secure ? agents.secure : agents.plain,
        headers: {
          ...(ownServer ? { ...attempt.headers, ...authorization(target) } : publicHeaders(attempt.headers)),
          ...(partial.length > 0 ? { range: `bytes=${partial.length}-` } : {}),
        },
        timeout: IDLE_LIMIT,
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${IDLE_LIMIT / 1000} seconds`)));
    sent.on('error', (error) => reject(new FetchError(target.href, messageOf(error), true)));
  });
}

/** Another server is told nothing that was meant for the remote's own. */
function publicHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name === 'user-agent' || name === 'accept-encoding'),
  );
}

function authorization(target: URL): { authorization?: string } {
  if (target.username === '') return {};
  const pair = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function parseUrl(url: string): URL {
  const parsed = URL.parse(url);
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol))
    throw new UserError('FETCH_FAILED', `Invalid URI scheme in ${withoutCredentials(url)}`);
  return parsed;
}

function redirected(from: URL, location: string, url: string): URL {
  const target = URL.parse(location, from.href);
  const isWeb = target !== null && ['http:', 'https:'].includes(target.protocol);
  if (!isWeb) throw new FetchError(url, `it redirects to ${location}, which is not a web address`, false);
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw new FetchError(url, 'it redirects from https to http', false);
  return target;
}

function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/, '$1');
}
