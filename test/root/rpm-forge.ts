/** RPM files made byte by byte, to lie in ways that rpmbuild refuses to. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';

export interface ForgedFile {
  readonly path: string;
  readonly mode: number;
  readonly content?: string;
  /** Where it differs from the content's. */
  readonly size?: number;
  readonly linkto?: string;
  readonly inode?: number;
  readonly ghost?: boolean;
}

export interface ForgedEntry {
  readonly name: string;
  readonly content?: string;
  /** Where the archive lies about it. */
  readonly size?: number;
  /** 07070X with this index instead of a name. */
  readonly index?: number;
}

export interface ForgedRpm {
  readonly name?: string;
  readonly version?: string;
  readonly arch?: string;
  readonly files: readonly ForgedFile[];
  /** What the payload holds; all the files, rightly, where it is not given. */
  readonly entries?: readonly ForgedEntry[];
  /** Cuts the payload's archive off there. */
  readonly archiveLength?: number;
  /** Instead of the right one; null: none. */
  readonly payloadDigest?: string | null;
  /** More of the header. */
  readonly tags?: readonly Tagged[];
  /** Of the signature header, instead of the SHA-256 of the header; told the header with its magic, and the payload. */
  readonly signed?: (header: Buffer, payload: Buffer) => readonly Tagged[];
  readonly digests?: readonly string[];
  /** What the header calls it. */
  readonly compressor?: string;
  /** The payload lies there without compression. */
  readonly uncompressed?: boolean;
}

export type Values = readonly number[] | readonly string[] | Uint8Array;
export type Tagged = readonly [
  tag: number,
  type: 'int16' | 'int32' | 'string' | 'array' | 'bin',
  values: Values,
];

const GHOST = 1 << 6;

/** Writes the package to `file` and returns the path. */
export function forgeRpm(file: string, rpm: ForgedRpm): string {
  const payload = rpm.uncompressed === true ? archive(rpm) : gzipSync(archive(rpm));
  const header = headerBytes(63, tagsOf(rpm, payload));
  const signed = rpm.signed?.(header, payload) ?? [[273, 'string', [sha256(header)]]];
  const size: Tagged = [1000, 'int32', [header.length + payload.length]];
  const signature = headerBytes(
    62,
    [...signed, size].sort((a, b) => a[0] - b[0]),
  );
  const padding = Buffer.alloc((8 - (signature.length % 8)) % 8);
  fs.writeFileSync(file, Buffer.concat([lead(), signature, padding, header, payload]));
  return file;
}

/** The header that the file would have, as a database stores it. */
export function forgedHeader(rpm: ForgedRpm): Uint8Array {
  return headerBytes(63, tagsOf(rpm, Buffer.alloc(1))).subarray(8);
}

function tagsOf(rpm: ForgedRpm, payload: Buffer): Tagged[] {
  const tags = [...identity(rpm), ...fileTags(rpm), ...payloadTags(rpm, payload), ...(rpm.tags ?? [])];
  return tags.sort((a, b) => a[0] - b[0]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function lead(): Buffer {
  const bytes = Buffer.alloc(96);
  bytes.writeUInt32BE(0xedabeedb);
  bytes[4] = 3;
  bytes.writeUInt16BE(5, 78);
  return bytes;
}

function identity({ name, version, arch }: ForgedRpm): Tagged[] {
  return [
    [1000, 'string', [name ?? 'forged']],
    [1001, 'string', [version ?? '1.0']],
    [1002, 'string', ['1']],
    [1006, 'int32', [1700000000]],
    [1022, 'string', [arch ?? 'noarch']],
    [1044, 'string', ['forged-1.0-1.src.rpm']],
  ];
}

function fileTags({ files, digests }: ForgedRpm): Tagged[] {
  if (files.length === 0) return [];
  const directories = files.map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1));
  return [
    [1028, 'int32', files.map((file) => file.size ?? file.content?.length ?? 0)],
    [1030, 'int16', files.map(({ mode }) => mode)],
    [1035, 'array', digests ?? files.map(digestOf)],
    [1036, 'array', files.map(({ linkto }) => linkto ?? '')],
    [1037, 'int32', files.map(({ ghost }) => (ghost === true ? GHOST : 0))],
    [1039, 'array', files.map(() => 'root')],
    [1040, 'array', files.map(() => 'root')],
    [1095, 'int32', files.map(() => 1)],
    [1096, 'int32', files.map(({ inode }, i) => inode ?? i + 1)],
    [1116, 'int32', files.map((_, i) => i)],
    [1117, 'array', files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))],
    [1118, 'array', directories],
    [5011, 'int32', [8]],
  ];
}

function digestOf(file: ForgedFile): string {
  const isFile = (file.mode & 0o170000) === 0o100000;
  return isFile
    ? createHash('sha256')
        .update(file.content ?? '')
        .digest('hex')
    : '';
}

function payloadTags(rpm: ForgedRpm, payload: Buffer): Tagged[] {
  const digest = rpm.payloadDigest === undefined ? sha256(payload) : rpm.payloadDigest;
  return [
    [1124, 'string', ['cpio']],
    [1125, 'string', [rpm.compressor ?? 'gzip']],
    ...(digest === null
      ? []
      : ([
          [5092, 'array', [digest]],
          [5093, 'int32', [8]],
        ] as const)),
  ];
}

/** The payload, not compressed. */
export function archive(rpm: ForgedRpm): Buffer {
  const right = rpm.files
    .filter(({ ghost }) => ghost !== true)
    .map((file) => ({ name: `.${file.path}`, content: file.linkto ?? file.content ?? '' }));
  const whole = Buffer.concat([
    ...(rpm.entries ?? right).map(entryBytes),
    entryBytes({ name: 'TRAILER!!!' }),
  ]);
  return whole.subarray(0, rpm.archiveLength ?? whole.length);
}

function entryBytes(entry: ForgedEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  if (entry.index !== undefined)
    return Buffer.concat([padded(Buffer.from(`07070X${hex(entry.index)}`)), padded(content)]);
  const name = Buffer.from(`${entry.name}\0`);
  const fields = [1, 0o100644, 0, 0, 1, 0, entry.size ?? content.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.from(`070701${fields.map(hex).join('')}`);
  return Buffer.concat([padded(Buffer.concat([head, name])), padded(content)]);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

const TYPES = { int16: 3, int32: 4, string: 6, bin: 7, array: 8 } as const;
const ALIGNMENT = { int16: 2, int32: 4, string: 1, bin: 1, array: 1 } as const;

/** A header with its magic and its region. */
function headerBytes(region: number, tags: readonly Tagged[]): Buffer {
  const index: number[][] = [];
  let data = Buffer.alloc(0);
  for (const [tag, type, values] of tags) {
    const offset = Math.ceil(data.length / ALIGNMENT[type]) * ALIGNMENT[type];
    index.push([tag, TYPES[type], offset, values.length]);
    data = Buffer.concat([data, Buffer.alloc(offset - data.length), valueBytes(type, values)]);
  }
  const trailer = indexEntry([region, TYPES.bin, -16 * (tags.length + 1), 16]);
  const first = [region, TYPES.bin, data.length, 16];
  data = Buffer.concat([data, trailer]);
  const intro = Buffer.alloc(16);
  intro.set([0x8e, 0xad, 0xe8, 1]);
  intro.writeUInt32BE(index.length + 1, 8);
  intro.writeUInt32BE(data.length, 12);
  return Buffer.concat([intro, ...[first, ...index].map(indexEntry), data]);
}

function indexEntry(fields: readonly number[]): Buffer {
  const bytes = Buffer.alloc(16);
  fields.forEach((field, i) => bytes.writeInt32BE(field | 0, 4 * i));
  return bytes;
}

function valueBytes(type: Tagged[1], values: Values): Buffer {
  if (values instanceof Uint8Array) return Buffer.from(values);
  if (type === 'string' || type === 'array') return Buffer.from(values.map((value) => `${value}\0`).join(''));
  const size = ALIGNMENT[type];
  const bytes = Buffer.alloc(size * values.length);
  values.forEach((value, i) => bytes.writeUIntBE(Number(value), size * i, size));
  return bytes;
}
