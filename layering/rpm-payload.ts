/** The files in a package's payload, streamed; every byte is checked against the header before the end. */
import fs from 'node:fs';
import { createHash } from '#native/hash.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { decompress, type CompressionFormat } from '#native/decompress.ts';
import { S } from '#native/syscalls.ts';
import { byteReader, readCpio, type CpioEntry } from '#layering/cpio.ts';
import { md5OfPackage, type RpmFile } from '#layering/rpm-file.ts';
import {
  digestName,
  fileDigestAlgorithm,
  isGhost,
  linkGroups,
  type RpmFileEntry,
} from '#layering/rpm-file-list.ts';
import { getNumber, getString, getStrings, HEADER_MAGIC, printable, textOf } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';

/** One file of the payload, with all its names. */
export interface PayloadFile {
  readonly entries: Names;
  /** A regular file's content, empty for other kinds; at its end the file's digest is checked. */
  content(): Generator<Uint8Array, void>;
}

/** OpenPGP's number. */
const SHA256 = 8;
const STRONG = ['sha256', 'sha384', 'sha512', 'sha3-256'];
const RAW_CHUNK = 256 * 1024;
/** What every kind of archive in a package begins with; no compression's data does. */
const CPIO_MAGIC = '07070';
/** An archive is padded to its block size. */
const MOST_AFTER_TRAILER = 1 << 20;

/**
 * The payload's files in its order. Whoever stores them may keep them only after the last one came: then the digest of
 * the whole payload has been checked, and that every file of the header was there, once.
 * @throws UserError BAD_PAYLOAD naming the package's file and the path in it
 */
export function* readPayload(rpm: RpmFile): Generator<PayloadFile, void> {
  const fd = fs.openSync(rpm.path, 'r');
  try {
    yield* filesOf(rpm, rawPayload(rpm, fd));
  } catch (error) {
    // What comes from the decompressor and the archive is a plain Error with a short reason.
    if (error instanceof UserError || codeOf(error) !== undefined) throw error;
    throw badPayload(rpm, messageOf(error));
  } finally {
    fs.closeSync(fd);
  }
}

function badPayload(rpm: RpmFile, why: string): UserError {
  return new UserError('BAD_PAYLOAD', `${rpm.path} has a damaged payload: ${printable(why)}`, {
    hint: 'download the package again',
  });
}

interface RawPayload {
  read(): Uint8Array;
  /** Reads what is left and compares the digest. */
  verify(): void;
}

function rawPayload(rpm: RpmFile, fd: number): RawPayload {
  const checks = payloadDigests(rpm).map(({ algorithm, expected, overHeader }) => {
    const hash = createHash(algorithm);
    if (overHeader) hash.update(HEADER_MAGIC).update(rpm.header.bytes);
    return { hash, algorithm, expected };
  });
  let at = rpm.payloadRange.start;
  const read = (): Uint8Array => {
    const chunk = Buffer.allocUnsafe(Math.min(RAW_CHUNK, rpm.payloadRange.end - at));
    const got = fs.readSync(fd, chunk, 0, chunk.length, at);
    at += got;
    for (const { hash } of checks) hash.update(chunk.subarray(0, got));
    return chunk.subarray(0, got);
  };
  const verify = () => {
    while (read().length > 0);
    for (const { hash, algorithm, expected } of checks)
      if (!expected.includes(hash.digest('hex')))
        throw badPayload(rpm, `it does not match its ${algorithm} digest`);
  };
  return { read, verify };
}

interface PayloadDigest {
  /** node:crypto's name. */
  readonly algorithm: string;
  /** One of these. */
  readonly expected: readonly string[];
  readonly overHeader: boolean;
}

/**
 * What the payload must match: every digest that the header has of it (rpm 6 writes three) or, where it has none, the
 * MD5 of header and payload of older packages. As with rpm, the digest of the payload as it was before it was compressed
 * (`…ALT`) is one that it may have too: then it came without compression. Empty where the package has neither.
 */
export function payloadDigests(rpm: RpmFile): PayloadDigest[] {
  const named = digestName(getNumber(rpm.header, TAG.PAYLOADDIGESTALGO) ?? SHA256);
  const found = [
    [[TAG.PAYLOADDIGEST, TAG.PAYLOADDIGESTALT], named],
    [[TAG.PAYLOADSHA512, TAG.PAYLOADSHA512ALT], 'sha512'],
    [[TAG.PAYLOADSHA3_256, TAG.PAYLOADSHA3_256ALT], 'sha3-256'],
  ] as const;
  const digests = found.flatMap(([tags, algorithm]) => {
    const expected = tags.flatMap((tag) => getStrings(rpm.header, tag)[0] ?? []);
    return expected.length === 0 || algorithm === null ? [] : [{ algorithm, expected, overHeader: false }];
  });
  if (digests.length > 0) return digests;
  const md5 = md5OfPackage(rpm);
  return md5 === null ? [] : [{ algorithm: 'md5', expected: [md5], overHeader: true }];
}

/** Whether a signature over the header vouches for the payload too. */
export function headerCoversPayload(rpm: RpmFile): boolean {
  return payloadDigests(rpm).some(({ algorithm, overHeader }) => !overHeader && STRONG.includes(algorithm));
}

function* filesOf(rpm: RpmFile, raw: RawPayload): Generator<PayloadFile, void> {
  const format = getString(rpm.header, TAG.PAYLOADFORMAT);
  if (format !== null && format !== 'cpio') throw badPayload(rpm, `its format '${format}' is not supported`);
  if (rpm.payloadRange.end > rpm.payloadRange.start) yield* archiveFiles(rpm, raw);
  else if (rpm.files.some((entry) => !isGhost(entry))) throw badPayload(rpm, 'it is missing');
  raw.verify();
}

function* archiveFiles(rpm: RpmFile, raw: RawPayload): Generator<PayloadFile, void> {
  const reader = byteReader(openPayload(rpm, raw));
  const algorithm = fileDigestAlgorithm(rpm.header);
  const plan = archivePlan(rpm);
  for (const entry of readCpio(reader, (index) => plan.strippedSize(index))) {
    const entries = plan.place(entry);
    if (entries === null) continue;
    const content = checkedContent(rpm, { file: entries[0], entry, algorithm });
    yield { entries, content: () => content };
    // What the caller did not read is checked all the same.
    for (const _ of content);
  }
  if (reader.drain(MOST_AFTER_TRAILER) > MOST_AFTER_TRAILER)
    throw badPayload(rpm, 'data follows the end of its archive');
  plan.finish();
}

/**
 * gzip is what a header that names nothing means, and rpm takes data that is no gzip as it is; so are archives taken that
 * came without the compression that they had.
 */
function openPayload(rpm: RpmFile, raw: RawPayload): Iterator<Uint8Array, unknown> {
  const named = getString(rpm.header, TAG.PAYLOADCOMPRESSOR) ?? 'gzip';
  const formats: readonly string[] = ['gzip', 'bzip2', 'xz', 'lzma', 'zstd'] satisfies CompressionFormat[];
  if (!formats.includes(named)) throw badPayload(rpm, `its compression '${named}' is not supported`);
  const first = raw.read();
  let pending: Uint8Array | null = first;
  const source = () => {
    const chunk = pending ?? raw.read();
    pending = null;
    return chunk;
  };
  if (named === 'gzip' && !(first[0] === 0x1f && first[1] === 0x8b)) return plainPieces(source);
  if (Buffer.from(first.subarray(0, CPIO_MAGIC.length)).toString('latin1') === CPIO_MAGIC)
    return plainPieces(source);
  return decompress(named as CompressionFormat, source);
}

function* plainPieces(source: () => Uint8Array): Generator<Uint8Array, void> {
  for (let chunk = source(); chunk.length > 0; chunk = source()) yield chunk;
}

type Names = readonly [RpmFileEntry, ...RpmFileEntry[]];

interface ArchivePlan {
  strippedSize(index: number): number;
  /** The names of the file whose content this entry has; null for a further name whose content stands elsewhere. */
  place(entry: CpioEntry): Names | null;
  /** @throws UserError where a file of the header has not come */
  finish(): void;
}

function archivePlan(rpm: RpmFile): ArchivePlan {
  const { files } = rpm;
  const indexes = new Map(files.map((entry, index) => [relative(entry.path), index]));
  const groups = linkGroups(files);
  const seen = new Set<number>();
  const delivered = new Set<readonly number[]>();
  const unlisted = (name: string) => badPayload(rpm, `it holds '${name}', which the header does not list`);
  return {
    strippedSize: (index) => {
      const file = files[index];
      if (file === undefined) throw unlisted(`file ${index}`);
      const type = file.mode & S.IFMT;
      if (type === S.IFLNK) return Buffer.byteLength(file.linkto);
      return type === S.IFREG && (groups.get(index) ?? [index]).at(-1) === index ? file.size : 0;
    },
    place: (entry) => {
      const name = entry.name === null ? '' : textOf(entry.name);
      const index = entry.index ?? indexes.get(relative(name)) ?? -1;
      const file = files[index];
      if (file === undefined) throw unlisted(name);
      if (isGhost(file)) throw badPayload(rpm, `it holds '${file.path}', which the header calls a ghost`);
      if (seen.has(index)) throw badPayload(rpm, `it holds '${file.path}' twice`);
      seen.add(index);
      const group = groups.get(index);
      if (group === undefined) return [file];
      if (entry.size === 0 && (delivered.has(group) || !group.every((member) => seen.has(member))))
        return null;
      if (delivered.has(group)) throw badPayload(rpm, `it holds the content of '${file.path}' twice`);
      delivered.add(group);
      return [file, ...group.filter((member) => member !== index).flatMap((member) => files[member] ?? [])];
    },
    finish: () => {
      const missing = files.find((file, index) => !isGhost(file) && !seen.has(index));
      if (missing !== undefined) throw badPayload(rpm, `'${missing.path}' is missing from it`);
    },
  };
}

interface ContentCheck {
  readonly file: RpmFileEntry;
  readonly entry: CpioEntry;
  readonly algorithm: string | null;
}

function* checkedContent(rpm: RpmFile, check: ContentCheck): Generator<Uint8Array, void> {
  const { file, entry } = check;
  const type = file.mode & S.IFMT;
  if (type === S.IFLNK) {
    const target = Buffer.concat([...entry.content()]);
    if (textOf(target) !== file.linkto) throw badPayload(rpm, `the link '${file.path}' has another target`);
    return;
  }
  const expected = type === S.IFREG ? file.size : 0;
  if (entry.size !== expected)
    throw badPayload(rpm, `'${file.path}' has ${entry.size} bytes, the header says ${expected}`);
  if (type !== S.IFREG) return;
  const hash = check.algorithm === null || file.digest === '' ? null : createHash(check.algorithm);
  for (const piece of entry.content()) {
    hash?.update(piece);
    yield piece;
  }
  if (hash !== null && hash.digest('hex') !== file.digest)
    throw badPayload(rpm, `'${file.path}' does not match its digest`);
}

function relative(path: string): string {
  return path.replace(/^(\.?\/)+/, '');
}
