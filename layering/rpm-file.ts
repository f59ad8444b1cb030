/** RPM package files: lead, signature header, header; the payload is read by `rpm-payload.ts`. */
import fs from 'node:fs';
import { createHash } from '#native/hash.ts';
import { UserError } from '#ostree/format/errors.ts';
import { bytesToHex } from '#ostree/format/checksum.ts';
import { nevraFault, type Nevra } from '#layering/nevra.ts';
import { readFileList, type RpmFileEntry } from '#layering/rpm-file-list.ts';
import {
  badHeader,
  checkSizes,
  getBinary,
  getNumber,
  getString,
  getStrings,
  HEADER_MAGIC,
  parseHeader,
  type RpmHeader,
} from '#layering/rpm-header.ts';
import { SIGTAG, TAG } from '#layering/rpm-tags.ts';

/** Bytes `[start, end)` of the package file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface RpmSignature {
  /** Of the signature header. */
  readonly tag: number;
  /** One OpenPGP signature packet. */
  readonly bytes: Uint8Array;
  /** What is signed: the header alone, or header and payload. */
  readonly covers: ByteRange;
}

export interface RpmFile {
  readonly path: string;
  readonly signatureHeader: RpmHeader;
  readonly header: RpmHeader;
  readonly nevra: Nevra;
  /** Of the header with its magic: names this build of the package. */
  readonly headerSha256: string;
  readonly files: readonly RpmFileEntry[];
  readonly signatures: readonly RpmSignature[];
  readonly headerRange: ByteRange;
  readonly payloadRange: ByteRange;
}

const LEAD_SIZE = 96;
const INTRO_SIZE = 16;

/**
 * Reads and checks all but the payload: structure, sizes, the digests of the header. Signatures are only found.
 * @throws UserError BAD_RPM, BAD_RPM_HEADER, BAD_NAME naming the file
 */
export function readRpmFile(path: string): RpmFile {
  const fd = openPackage(path);
  try {
    return readOpenRpm(fd, path);
  } finally {
    fs.closeSync(fd);
  }
}

/** What is in front of a package's payload. */
export type PackageStart = Pick<RpmFile, 'signatureHeader' | 'header' | 'nevra' | 'headerSha256' | 'files'>;

/** The same of all that is before a payload: lead, signature, header. @throws UserError BAD_RPM, BAD_RPM_HEADER, BAD_NAME */
export function readPackageStart(bytes: Uint8Array, where: string): PackageStart {
  const signature = headerIn(bytes, LEAD_SIZE, where);
  const { header } = headerIn(bytes, Math.ceil(signature.end / 8) * 8, where);
  checkImmutable(header);
  const sha256 = headerSha256(header);
  checkHeaderDigests(where, signature.header, header);
  const [nevra, files] = [usableNevra(header), readFileList(header)];
  return { signatureHeader: signature.header, header, nevra, headerSha256: sha256, files };
}

/** Name, version and architecture of a header. @throws UserError BAD_RPM_HEADER where one is missing */
export function nevraOf(header: RpmHeader): Nevra {
  const text = (tag: number, what: string) => {
    const value = getString(header, tag);
    if (value === null || value === '') throw badHeader(header.where, `it has no ${what}`);
    return value;
  };
  return {
    name: text(TAG.NAME, 'name'),
    epoch: getNumber(header, TAG.EPOCH) ?? 0,
    version: text(TAG.VERSION, 'version'),
    release: text(TAG.RELEASE, 'release'),
    // The gpg-pubkey entries of a database have none.
    arch: getString(header, TAG.ARCH) ?? '',
  };
}

/** As `nevraOf`, for a package that is to be used. @throws UserError BAD_NAME where no package may be called that */
export function usableNevra(header: RpmHeader): Nevra {
  const nevra = nevraOf(header);
  const fault = nevraFault(nevra);
  if (fault !== null) throw new UserError('BAD_NAME', `${header.where} is refused: ${fault}`);
  return nevra;
}

/** The SHA-256 of a header with its magic, as SHA256HEADER has it. */
export function headerSha256(header: RpmHeader): string {
  return headerDigest('sha256', header);
}

function openPackage(path: string): number {
  try {
    // A fifo would wait for its other end.
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const why = code === 'ENOENT' ? 'there is no such file' : code;
    throw new UserError('BAD_RPM', `${path} cannot be read: ${why}`, { cause: error });
  }
}

function readOpenRpm(fd: number, path: string): RpmFile {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) throw new UserError('BAD_RPM', `${path} is ${kindOf(stat)}, not an RPM package`);
  const { size } = stat;
  const file = { fd, path, size };
  const lead = readAt(file, 0, Math.min(LEAD_SIZE, size));
  if (lead.length < 4 || lead.readUInt32BE(0) !== 0xedabeedb)
    throw new UserError('BAD_RPM', `${path} is not an RPM package`);
  const signature = readHeaderAt(file, LEAD_SIZE, `the signature of ${path}`);
  const headerStart = Math.ceil(signature.end / 8) * 8;
  const header = readHeaderAt(file, headerStart, path);
  checkImmutable(header.header);
  const headerRange = { start: headerStart, end: header.end };
  const payloadRange = { start: header.end, end: size };
  checkSize(file, signature.header, size - headerStart);
  checkHeaderDigests(path, signature.header, header.header);
  return {
    path,
    signatureHeader: signature.header,
    header: header.header,
    nevra: usableNevra(header.header),
    headerSha256: headerSha256(header.header),
    files: readFileList(header.header),
    signatures: findSignatures(signature.header, headerRange, payloadRange),
    headerRange,
    payloadRange,
  };
}

function kindOf(stat: fs.Stats): string {
  return stat.isDirectory() ? 'a directory' : 'a special file';
}

interface OpenPackage {
  readonly fd: number;
  readonly path: string;
  readonly size: number;
}

function readAt(file: OpenPackage, start: number, length: number): Buffer {
  if (start + length > file.size) throw truncated(file.path);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const got = fs.readSync(file.fd, bytes, at, length - at, start + at);
    if (got === 0) throw truncated(file.path);
    at += got;
  }
  return bytes;
}

function readHeaderAt(file: OpenPackage, start: number, where: string): { header: RpmHeader; end: number } {
  const length = headerLength(readAt(file, start, INTRO_SIZE), where);
  return { header: parseHeader(readAt(file, start + 8, length), where), end: start + 8 + length };
}

function headerIn(bytes: Uint8Array, start: number, where: string): { header: RpmHeader; end: number } {
  const intro = Buffer.from(bytes.subarray(start, start + INTRO_SIZE));
  if (intro.length < INTRO_SIZE) throw truncated(where);
  const end = start + 8 + headerLength(intro, where);
  if (end > bytes.length) throw truncated(where);
  return { header: parseHeader(bytes.subarray(start + 8, end), where), end };
}

/** Of a header without its magic, from its first bytes. */
function headerLength(intro: Buffer, where: string): number {
  if (!intro.subarray(0, HEADER_MAGIC.length).equals(HEADER_MAGIC))
    throw badHeader(where, 'it does not start as a header');
  const [entries, dataSize] = [intro.readUInt32BE(8), intro.readUInt32BE(12)];
  checkSizes(where, entries, dataSize);
  return 8 + 16 * entries + dataSize;
}

/** What a package ships must be covered by its digests whole. */
function checkImmutable(header: RpmHeader): void {
  const region = header.entries.get(TAG.HEADERIMMUTABLE);
  if (region === undefined)
    throw badHeader(header.where, 'it has no immutable region (packages of rpm 3 are not supported)');
  const count = header.entries.size;
  const dataSize = header.bytes.length - header.dataStart;
  if (header.regionEntries < count || region.offset + 16 !== dataSize)
    throw badHeader(header.where, 'a part of it is outside of its immutable region');
}

/** The signature header says how long header and payload are together. */
function checkSize(file: OpenPackage, signature: RpmHeader, actual: number): void {
  const expected = getNumber(signature, SIGTAG.SIZE) ?? getNumber(signature, SIGTAG.LONGSIZE);
  if (expected === null || expected === actual) return;
  if (actual < expected) throw truncated(file.path, expected - actual);
  throw new UserError('BAD_RPM', `${file.path} has ${actual - expected} bytes after its end`);
}

/** Digests of the header that the signature header may have, by node:crypto's names; any that is there must be right. */
const HEADER_DIGESTS = [
  [SIGTAG.SHA256, 'sha256'],
  [SIGTAG.SHA1, 'sha1'],
  [SIGTAG.SHA3_256, 'sha3-256'],
] as const;

function checkHeaderDigests(path: string, signature: RpmHeader, header: RpmHeader): void {
  for (const [tag, algorithm] of HEADER_DIGESTS) {
    const expected = getString(signature, tag);
    if (expected !== null && expected !== headerDigest(algorithm, header))
      throw new UserError(
        'BAD_RPM',
        `${path} is corrupted: its header does not match its ${algorithm} digest`,
        { hint: 'download it again' },
      );
  }
}

/** Whether something says what the header must be; the MD5 of old packages is over the payload too. */
export function hasHeaderDigest({ signatureHeader }: RpmFile): boolean {
  return [...HEADER_DIGESTS.map(([tag]) => tag), SIGTAG.MD5].some((tag) => signatureHeader.entries.has(tag));
}

function headerDigest(algorithm: string, header: RpmHeader): string {
  return createHash(algorithm).update(HEADER_MAGIC).update(header.bytes).digest('hex');
}

function findSignatures(signature: RpmHeader, header: ByteRange, payload: ByteRange): RpmSignature[] {
  const whole = { start: header.start, end: payload.end };
  const kinds = [
    [SIGTAG.RSA, header],
    [SIGTAG.DSA, header],
    [SIGTAG.PGP, whole],
    [SIGTAG.GPG, whole],
  ] as const;
  const found = kinds.flatMap(([tag, covers]) => {
    const bytes = getBinary(signature, tag);
    return bytes === null ? [] : [{ tag, bytes, covers }];
  });
  // rpm 6 keeps any number of them, in base64.
  const texts = getStrings(signature, SIGTAG.OPENPGP).map((text) => Buffer.from(text, 'base64'));
  return [...found, ...texts.map((bytes) => ({ tag: SIGTAG.OPENPGP, bytes, covers: header }))];
}

/** The MD5 of header and payload, where the package has it. */
export function md5OfPackage(rpm: RpmFile): string | null {
  const bytes = getBinary(rpm.signatureHeader, SIGTAG.MD5);
  return bytes === null ? null : bytesToHex(bytes);
}

function truncated(path: string, missing?: number): UserError {
  const lacks = missing === undefined ? '' : ` (${missing} bytes are missing)`;
  return new UserError('BAD_RPM', `${path} is not complete: it ends too early${lacks}`, {
    hint: 'download it again',
  });
}
