import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import type { TransferSettings } from '#layering/repository-config.ts';

/** The connections to a repository's servers, kept open between requests (idle ones do not keep the process alive). */
export interface Connections {
  readonly settings: TransferSettings;
  /** Made when first asked for: repositories on this machine, and metadata that is young enough, need no network. */
  readonly plain: () => http.Agent;
  readonly secure: () => https.Agent;
}

export interface HttpGet {
  readonly connections: Connections;
  /** First byte wanted; the answer says whether the server went along. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  /** The position in the file of the first byte that comes. */
  readonly start: number;
  readonly body: AsyncIterable<Uint8Array>;
}

const MOST_REDIRECTS = 10;
const DEFAULT_TIMEOUT = 30;
const DEFAULT_MIN_RATE = 1000;
/** What a timer takes; longer is never. */
const LONGEST_TIMEOUT = 2 ** 31 / 1000 - 1;

/** @throws UserError BAD_CERTIFICATE where a certificate file that the repository names cannot be read */
export function openConnections(settings: TransferSettings): Connections {
  const certificates = {
    ca: certificate(settings.sslCaCert),
    cert: certificate(settings.sslClientCert),
    key: certificate(settings.sslClientKey),
  };
  const common = { keepAlive: true, proxyEnv: proxyEnvironment(settings) };
  let plain: http.Agent | undefined;
  let secure: https.Agent | undefined;
  return {
    settings,
    plain: () => (plain ??= new http.Agent(common)),
    secure: () =>
      (secure ??= new https.Agent({ ...common, ...certificates, rejectUnauthorized: settings.sslVerify })),
  };
}

/**
 * Begins a GET over http or https, through redirects. Credentials go only to the server they were meant for.
 * @throws UserError DOWNLOAD_FAILED for anything but 200 and 206
 */
export async function httpGet(url: string, options: HttpGet): Promise<HttpAnswer> {
  const origin = new URL(url).origin;
  let target = new URL(url);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const answer = await requestOnce(target, options, target.origin === origin);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200 || statusCode === 206)
      return {
        start: statusCode === 206 ? startOf(headers, options.from ?? 0) : 0,
        body: notTooSlow(answer, url, options.connections.settings),
      };
    answer.resume();
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined)
      throw downloadError(
        url,
        `the server answers ${statusCode} ${answer.statusMessage ?? ''}`.trimEnd(),
        statusCode,
      );
    target = redirected(target, headers.location, url);
  }
  throw downloadError(url, `more than ${MOST_REDIRECTS} redirects`, 0);
}

/** A server may send another part than was asked for. */
function startOf(headers: http.IncomingHttpHeaders, from: number): number {
  const [, start] = /^bytes +([0-9]{1,15})-/.exec(headers['content-range'] ?? '') ?? [];
  return start === undefined ? from : Number(start);
}

/** An address for messages: without user name, password and query. */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url;
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  return parsed.href;
}

/** A failed download; `transient` says whether trying again may help. */
export class DownloadError extends UserError {
  readonly transient: boolean;

  constructor(url: string, what: string, options: { transient: boolean; cause?: unknown }) {
    super('DOWNLOAD_FAILED', `${shownUrl(url)}: ${what}`, options);
    this.transient = options.transient;
  }
}

function downloadError(url: string, what: string, status: number): DownloadError {
  return new DownloadError(url, what, { transient: status >= 500 || status === 408 || status === 429 });
}

function redirected(from: URL, location: string, url: string): URL {
  const target = URL.parse(location, from.href);
  if (target === null || !['http:', 'https:'].includes(target.protocol))
    throw downloadError(url, `it redirects to ${location}, which is not a web address`, 0);
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw downloadError(url, 'it redirects from https to http', 0);
  return target;
}

function requestOnce(target: URL, options: HttpGet, ownServer: boolean): Promise<http.IncomingMessage> {
  const { connections, from = 0, signal } = options;
  const secure = target.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).get(
      {
        protocol: target.protocol,
        hostname: target.hostname.replace(/^\[|\]$/g, ''),
        port: target.port,
        path: `${target.pathname}${target.search}`,
        agent: secure ? connections.secure() : connections.plain(),
        headers: {
          'user-agent': 'yum-ostree',
          'accept-encoding': 'identity',
          ...(from > 0 ? { range: `bytes=${from}-` } : {}),
          ...(ownServer ? authorization(target, connections.settings) : {}),
        },
        timeout: timeoutOf(connections.settings) * 1000,
        ...(signal === undefined ? {} : { signal }),
      },
      (answer) => {
        // From here notTooSlow watches: two limits of one length would end it by turns, with different words.
        request.setTimeout(0);
        resolve(answer);
      },
    );
    request.on('timeout', () =>
      request.destroy(new Error(`no answer for ${timeoutOf(connections.settings)} seconds`)),
    );
    request.on('error', (cause) => {
      const aborted = signal?.aborted === true;
      reject(aborted ? cause : new DownloadError(target.href, messageOf(cause), { transient: true, cause }));
    });
  });
}

function timeoutOf({ timeout }: TransferSettings): number {
  return Math.min(timeout ?? DEFAULT_TIMEOUT, LONGEST_TIMEOUT);
}

/** The body, given up where nothing comes for too long, or only a byte now and then. */
async function* notTooSlow(
  body: http.IncomingMessage,
  url: string,
  settings: TransferSettings,
): AsyncGenerator<Uint8Array> {
  const [seconds, least] = [timeoutOf(settings), settings.minRate ?? DEFAULT_MIN_RATE];
  const tooSlow = (what: string): DownloadError => new DownloadError(url, what, { transient: true });
  // The time that the reader takes for a piece is not the server's.
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    timer = setTimeout(
      () => body.destroy(tooSlow(`nothing more comes for ${seconds} seconds`)),
      seconds * 1000,
    );
  };
  let [waited, bytes, since] = [0, 0, performance.now()];
  try {
    watch();
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      waited += (performance.now() - since) / 1000;
      bytes += chunk.length;
      if (waited >= seconds && bytes < least * waited)
        throw tooSlow(`it sends less than ${least} bytes a second`);
      if (waited >= seconds) [waited, bytes] = [0, 0];
      yield chunk;
      since = performance.now();
      watch();
    }
  } finally {
    clearTimeout(timer);
  }
}

function authorization(target: URL, settings: TransferSettings): { authorization?: string } {
  const user = settings.username ?? decodeURIComponent(target.username);
  const password = settings.password ?? decodeURIComponent(target.password);
  if (user === '') return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

function certificate(file: string | null): Buffer | undefined {
  try {
    return file === null ? undefined : fs.readFileSync(file);
  } catch (cause) {
    throw new UserError('BAD_CERTIFICATE', `certificate file ${file ?? ''}: ${messageOf(cause)}`, { cause });
  }
}

function proxyEnvironment({ proxy }: TransferSettings): Record<string, string | undefined> {
  if (proxy === null) return process.env;
  return proxy === '' ? {} : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
}
