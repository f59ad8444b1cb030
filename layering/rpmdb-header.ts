/** The header that an rpmdb stores for an installed package: the package's own, and what installing adds. Pure. */
import type { HeaderEntry, RpmHeader } from '#layering/rpm-header.ts';
import { getRaw } from '#layering/rpm-header.ts';
import { SIGTAG, TAG, TYPE } from '#layering/rpm-tags.ts';
import { filePaths } from '#layering/rpm-file-list.ts';

export interface InstalledPackage {
  readonly header: RpmHeader;
  readonly signatureHeader: RpmHeader;
  /** Seconds since the epoch. */
  readonly installTime: number;
  /** Equal for all that was installed together. */
  readonly transactionId: number;
  /** The transaction's file colors: 3 on a 64-bit machine that also runs 32-bit programs. */
  readonly color: number;
  /** One byte a file (0 normal, 1 replaced, 2 not installed, 4 wrong color); all 0 where it is not given. */
  readonly fileStates?: Uint8Array;
}

interface Addition {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly data: Uint8Array;
}

/** Entries of the signature header that the database keeps, with their numbers there. */
const KEPT: readonly (readonly [signatureTag: number, tag: number])[] = [
  [SIGTAG.SIZE, TAG.SIGSIZE],
  [SIGTAG.PGP, TAG.SIGPGP],
  [SIGTAG.MD5, TAG.SIGMD5],
  [SIGTAG.GPG, TAG.SIGGPG],
  [SIGTAG.PAYLOADSIZE, TAG.ARCHIVESIZE],
  [SIGTAG.FILESIGNATURES, TAG.FILESIGNATURES],
  [SIGTAG.FILESIGNATURELENGTH, TAG.FILESIGNATURELENGTH],
  [SIGTAG.VERITYSIGNATURES, TAG.VERITYSIGNATURES],
  [SIGTAG.VERITYSIGNATUREALGO, TAG.VERITYSIGNATUREALGO],
  [SIGTAG.SHA1, TAG.SHA1HEADER],
  [SIGTAG.SHA256, TAG.SHA256HEADER],
  [SIGTAG.DSA, TAG.DSAHEADER],
  [SIGTAG.RSA, TAG.RSAHEADER],
  [SIGTAG.LONGSIZE, TAG.LONGSIGSIZE],
  [SIGTAG.LONGARCHIVESIZE, TAG.LONGARCHIVESIZE],
];

const ALIGNMENT = [1, 1, 1, 2, 4, 8, 1, 1, 1, 1];

/** The bytes that `parseHeader` reads: the package's header as it is, then the additions in the order of their tags. */
export function installedHeader(pkg: InstalledPackage): Uint8Array {
  const additions = [...signatureAdditions(pkg), ...installAdditions(pkg)]
    .filter(({ tag }) => !pkg.header.entries.has(tag))
    .sort((a, b) => a.tag - b.tag);
  return appended(pkg.header, additions);
}

function signatureAdditions(pkg: InstalledPackage): Addition[] {
  return KEPT.flatMap(([from, tag]) => copied(pkg.signatureHeader, from, tag));
}

function copied(header: RpmHeader, from: number, tag: number): Addition[] {
  const entry: HeaderEntry | undefined = header.entries.get(from);
  if (entry === undefined) return [];
  return [{ tag, type: entry.type, count: entry.count, data: getRaw(header, entry) }];
}

function installAdditions(pkg: InstalledPackage): Addition[] {
  const files = filePaths(pkg.header).length;
  const states = pkg.fileStates ?? new Uint8Array(files);
  return [
    number(TAG.INSTALLTIME, pkg.installTime),
    ...(files === 0 ? [] : [{ tag: TAG.FILESTATES, type: TYPE.CHAR, count: files, data: states }]),
    // Where a relocatable package went: nothing is relocated here.
    ...copied(pkg.header, TAG.PREFIXES, TAG.INSTPREFIXES),
    number(TAG.INSTALLCOLOR, pkg.color),
    number(TAG.INSTALLTID, pkg.transactionId),
  ];
}

function number(tag: number, value: number): Addition {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value);
  return { tag, type: TYPE.INT32, count: 1, data };
}

function appended(header: RpmHeader, additions: readonly Addition[]): Uint8Array {
  const oldData = header.bytes.subarray(header.dataStart);
  const oldIndex = header.bytes.subarray(8, header.dataStart);
  let dataSize = oldData.length;
  const placed = additions.map((addition) => {
    const alignment = ALIGNMENT[addition.type] ?? 1;
    const offset = Math.ceil(dataSize / alignment) * alignment;
    dataSize = offset + addition.data.length;
    return { ...addition, offset };
  });
  const count = oldIndex.length / 16 + placed.length;
  const bytes = new Uint8Array(8 + 16 * count + dataSize);
  const view = new DataView(bytes.buffer);
  const dataStart = 8 + 16 * count;
  view.setUint32(0, count);
  view.setUint32(4, dataSize);
  bytes.set(oldIndex, 8);
  bytes.set(oldData, dataStart);
  placed.forEach(({ tag, type, count: values, offset, data }, i) => {
    const at = 8 + oldIndex.length + 16 * i;
    [tag, type, offset, values].forEach((field, k) => view.setUint32(at + 4 * k, field));
    bytes.set(data, dataStart + offset);
  });
  return bytes;
}
