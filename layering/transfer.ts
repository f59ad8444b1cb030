import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createHash } from '#native/hash.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { filePieces } from '#layering/file-pieces.ts';
import { type Connections, DownloadError, httpGet, shownUrl } from '#layering/http-get.ts';

export interface Transfer {
  readonly connections: Connections;
  readonly signal?: AbortSignal | undefined;
  /** Told of every piece that arrives (bytes). */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface FileChecksum {
  /** 'sha256', 'sha384' or 'sha512'; weaker ones are refused. */
  readonly type: string;
  readonly hex: string;
}

export interface WantedFile {
  /** Addresses to try, best first. */
  readonly urls: readonly string[];
  readonly target: string;
  readonly checksum: FileChecksum;
  /** Bytes, where known: what is longer is not read to its end. */
  readonly size: number | null;
  /** Bytes that are read at most where the size is not known. */
  readonly most?: number;
}

const STRONG = ['sha256', 'sha384', 'sha512'];
const ROUNDS = 3;
const PAUSE = 500;

/** A small file whole. @throws UserError DOWNLOAD_FAILED; also where it is longer than `maximum` bytes */
export async function fetchBytes(url: string, transfer: Transfer, maximum: number): Promise<Uint8Array> {
  return await retried(transfer, async () => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of bodyOf(url, transfer, 0).chunks) {
      length += chunk.length;
      if (length > maximum)
        throw new DownloadError(url, `it is longer than ${maximum} bytes`, { transient: false });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  });
}

/**
 * Brings a file to `target`, its content checked: what is there already and right is kept, a part of an earlier try is
 * continued, from another address too, and where that does not become the right file it is fetched anew; other
 * addresses are tried where one fails. The file appears under its name only when it is whole and right; an interruption
 * leaves `target.part`.
 * @throws UserError CHECKSUM_MISMATCH, WEAK_CHECKSUM or DOWNLOAD_FAILED, naming the file
 */
export async function fetchFile(wanted: WantedFile, transfer: Transfer): Promise<void> {
  if (await hasChecksum(wanted.target, wanted.checksum)) return;
  let failure: unknown = new UserError(
    'DOWNLOAD_FAILED',
    `${path.basename(wanted.target)}: no address to get it from`,
  );
  for (const url of wanted.urls) {
    try {
      return await retried(transfer, () => fetchFrom(url, wanted, transfer));
    } catch (error) {
      if (transfer.signal?.aborted === true || codeOf(error) === 'ENOSPC') throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Whether there is a file with that content. @throws UserError WEAK_CHECKSUM */
export async function hasChecksum(file: string, checksum: FileChecksum): Promise<boolean> {
  if (!STRONG.includes(checksum.type))
    throw new UserError(
      'WEAK_CHECKSUM',
      `${path.basename(file)}: its checksum is of type ${checksum.type || '(none)'}, which proves nothing`,
      {
        hint: 'the repository has to be made anew with SHA-256 (createrepo_c --checksum sha256)',
      },
    );
  if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const hash = createHash(checksum.type);
  for await (const piece of filePieces(file)) hash.update(piece);
  return hash.digest('hex') === checksum.hex.toLowerCase();
}

/** The path of a file:// address; null for any other. */
export function localPath(url: string): string | null {
  return url.startsWith('file:') ? fileURLToPath(url) : null;
}

async function fetchFrom(url: string, wanted: WantedFile, transfer: Transfer): Promise<void> {
  const part = `${wanted.target}.part`;
  for (let mayBegin = true; mayBegin;) {
    const { isContinued } = await appendTo(part, url, wanted, transfer);
    if (await hasChecksum(part, wanted.checksum)) {
      fs.renameSync(part, wanted.target);
      return;
    }
    fs.rmSync(part);
    // What was continued may be of another address, or of another file: that is not this one's fault.
    mayBegin = isContinued;
  }
  throw new UserError(
    'CHECKSUM_MISMATCH',
    `${shownUrl(url)}: its ${wanted.checksum.type} is not the ${wanted.checksum.hex} that the metadata says`,
    {
      hint: 'the repository changed while it was read, or its file is damaged: try again later, or tell its owner',
    },
  );
}

async function appendTo(
  part: string,
  url: string,
  { size, most }: WantedFile,
  transfer: Transfer,
): Promise<{ readonly isContinued: boolean }> {
  const have = fs.statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (size !== null && have === size) return { isContinued: true };
  const body = bodyOf(url, transfer, size !== null && have < size ? have : 0);
  let length = 0;
  const limited = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body.chunks) {
      length += chunk.length;
      if (size !== null && body.start() + length > size)
        throw new DownloadError(url, `it is longer than the ${size} bytes that the metadata says`, {
          transient: false,
        });
      if (most !== undefined && length > most)
        throw new DownloadError(url, `it is longer than ${most} bytes`, { transient: false });
      yield chunk;
    }
  };
  // The first piece decides: only then is it known whether the server continues or begins anew.
  const pieces = limited();
  const first = await pieces.next();
  const handle = await fs.promises.open(part, body.start() > 0 ? 'a' : 'w');
  try {
    if (first.done !== true) await handle.write(first.value);
    for await (const chunk of pieces) await handle.write(chunk);
  } catch (error) {
    // What a wrong file began must not be continued.
    if (error instanceof DownloadError && !error.transient) fs.rmSync(part, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return { isContinued: body.start() > 0 };
}

interface Body {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The position of the first chunk; known once it has come. */
  start(): number;
}

function bodyOf(url: string, transfer: Transfer, from: number): Body {
  let start = 0;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    const file = localPath(url);
    const stream: AsyncIterable<Uint8Array> =
      file === null ? await remoteBody() : localBody(file, url, transfer.signal);
    try {
      for await (const chunk of stream) {
        transfer.onBytes?.(chunk.length);
        yield chunk;
      }
    } catch (error) {
      if (transfer.signal?.aborted === true || error instanceof UserError) throw error;
      throw new DownloadError(url, messageOf(error), { transient: codeOf(error) !== 'ENOENT', cause: error });
    }
  };
  const remoteBody = async (): Promise<AsyncIterable<Uint8Array>> => {
    refuseUnsupported(url);
    const { connections, signal } = transfer;
    const answer = await httpGet(url, { connections, from, signal });
    ({ start } = answer);
    if (start === 0 || start === from) return answer.body;
    throw new DownloadError(url, `the server answers with another part, from byte ${start} on`, {
      transient: false,
    });
  };
  return { chunks: chunks(), start: () => start };
}

function refuseUnsupported(url: string): void {
  const parsed = URL.parse(url);
  if (parsed === null) throw new DownloadError(url, 'it is not an address', { transient: false });
  const scheme = parsed.protocol.slice(0, -1);
  if (['http', 'https'].includes(scheme)) return;
  const what = `addresses of ${scheme} are not supported, only those of http, https and file`;
  throw new DownloadError(url, what, { transient: false });
}

function localBody(file: string, url: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true)
    throw new DownloadError(url, stat === undefined ? 'there is no such file' : 'it is not a regular file', {
      transient: false,
    });
  return filePieces(file, signal);
}

/** Runs `action` again a few times where its failure may pass. */
async function retried<T>(transfer: Transfer, action: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      transfer.signal?.throwIfAborted();
      return await action();
    } catch (error) {
      if (!(error instanceof DownloadError && error.transient) || round === ROUNDS) throw error;
      await sleep(PAUSE * round, undefined, transfer.signal === undefined ? {} : { signal: transfer.signal });
    }
  }
}
