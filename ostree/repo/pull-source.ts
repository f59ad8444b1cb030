/** Where a pull takes its objects from: a server, or another repository of this machine. */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { S } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { decodeArchiveHeader } from '#ostree/format/file-header.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { Fetcher } from '#ostree/repo/http-fetch.ts';
import { objectPath } from '#ostree/repo/object-path.ts';
import { holderOf, loadMetadataBytes, MAX_METADATA_SIZE } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { FileSource } from '#ostree/repo/transaction.ts';

export type MetadataType = 'commit' | 'dirtree' | 'dirmeta';

export interface PullSource {
  /** For messages. */
  readonly name: string;
  /** A file of the repository's directory (`summary`, `refs/heads/…`); null where there is none. */
  file(path: string): Promise<Uint8Array | null>;
  /** A metadata object's bytes, not verified; null where it is not there. */
  metadata(checksum: Checksum, type: MetadataType | 'commitmeta'): Promise<Uint8Array | null>;
  /** A content object, not verified; null where it is not there. */
  content(checksum: Checksum, scratch: string): Promise<FileSource | null>;
}

/** Content larger than this goes through a file on its way. */
const IN_MEMORY = 64 * 1024 * 1024;

/** An archive repository behind addresses; objects may come from other ones than the rest. */
export function httpSource(
  name: string,
  from: { readonly metadata: Fetcher; readonly content: Fetcher },
): PullSource {
  return {
    name,
    file: (path) => from.metadata.get(encodePath(path), MAX_METADATA_SIZE),
    metadata(checksum, type) {
      const path = `objects/${objectPath(checksum, type, 'archive')}`;
      const fetcher = type === 'commitmeta' ? from.metadata : from.content;
      return fetcher.get(path, MAX_METADATA_SIZE);
    },
    async content(checksum, scratch) {
      const bytes = await from.content.get(`objects/${objectPath(checksum, 'file', 'archive')}`);
      return bytes === null ? null : await unpacked(bytes, { checksum, scratch });
    },
  };
}

/** A repository that is open; its content files must be within reach by its path. */
export function localSource(from: Repo): PullSource {
  return {
    name: from.path,
    file: (path) => Promise.resolve(readIfThere(() => from.sys.readFile(from.fd, path))),
    metadata: (checksum, type) => Promise.resolve(localMetadata(from, checksum, type)),
    content: (checksum) => {
      const holder = holderOf(from, checksum, 'file');
      return Promise.resolve(holder === null ? null : localContent(holder, checksum));
    },
  };
}

function localMetadata(from: Repo, checksum: Checksum, type: MetadataType | 'commitmeta'): Uint8Array | null {
  const holder = holderOf(from, checksum, type);
  if (holder === null) return null;
  return type === 'commitmeta'
    ? holder.sys.readFile(holder.objectsFd, objectPath(checksum, type, holder.mode))
    : loadMetadataBytes(holder, checksum, type);
}

function localContent(from: Repo, checksum: Checksum): FileSource {
  const content = loadContent(from, checksum);
  const { meta, size } = content;
  if ((meta.mode & S.IFMT) === S.IFLNK) return { meta, source: { kind: 'none' } };
  if (from.mode === 'archive') return { meta, source: { kind: 'bytes', bytes: content.read() } };
  const path = `${from.path}/objects/${objectPath(checksum, 'file', from.mode)}`;
  return { meta, source: { kind: 'path', path, size } };
}

/** The file in a `.filez`. */
async function unpacked(
  bytes: Uint8Array,
  at: { readonly checksum: Checksum; readonly scratch: string },
): Promise<FileSource> {
  const { meta, size, headerSize } = decodeArchiveHeader(bytes);
  if ((meta.mode & S.IFMT) === S.IFLNK) return { meta, source: { kind: 'none' } };
  const packed = bytes.subarray(headerSize);
  try {
    if (size > IN_MEMORY) return { meta, source: await unpackedFile(packed, size, at) };
    const content = zlib.inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
    if (content.length === size) return { meta, source: { kind: 'bytes', bytes: content } };
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (!code.startsWith('Z_') && code !== 'ERR_BUFFER_TOO_LARGE') throw error;
  }
  throw new UserError('BAD_OBJECT', `Corrupted file object ${at.checksum}.filez: its content is damaged`);
}

async function unpackedFile(
  packed: Uint8Array,
  size: number,
  { checksum, scratch }: { readonly checksum: Checksum; readonly scratch: string },
): Promise<FileSource['source']> {
  const path = `${scratch}/${checksum}`;
  await pipeline([packed], zlib.createInflateRaw(), fs.createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  if (fs.statSync(path).size !== size)
    throw new UserError('BAD_OBJECT', `Corrupted file object ${checksum}.filez: its content is damaged`);
  return { kind: 'path', path, size };
}

function readIfThere(read: () => Uint8Array): Uint8Array | null {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
