/** What `BatchCalls.scanTree` found, as values. */
import type { Fd } from '#native/syscalls.ts';
import type { ScanXattrs } from '#native/batch.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { XattrEntry } from '#ostree/format/file-meta.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import { PackReader } from '#ostree/repo/packed.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';

export interface ScannedEntry {
  /** Number of the directory's entry in the list; -1 for the scanned directory itself. */
  readonly parent: number;
  readonly name: string;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly ino: number;
  readonly dev: number;
  /** '' for all but symlinks. */
  readonly target: string;
  /** Empty where they were not asked for. */
  readonly xattrs: readonly XattrEntry[];
}

const TOP = 0xffffffff;
const NO_XATTRS: readonly XattrEntry[] = [];

/**
 * Everything below a directory; each directory's entries lie together, sorted bytewise, after the directory itself.
 * @throws UserError BAD_NAME for a name or symlink target that is not valid UTF-8 (trees cannot hold it)
 */
export function scanTree(
  sys: RepoCalls,
  from: { readonly dir: Fd; readonly path: string },
  xattrs: ScanXattrs,
): ScannedEntry[] {
  const reader = new PackReader(sys.scanTree(from.dir, from.path, xattrs));
  const entries: ScannedEntry[] = [];
  while (!reader.atEnd) entries.push(readEntry(reader, entries));
  return entries;
}

/** The attributes that the native calls pack: u16+bytes name, u32+bytes value each. */
export function unpackXattrs(bytes: Uint8Array): readonly XattrEntry[] {
  if (bytes.length === 0) return NO_XATTRS;
  const reader = new PackReader(bytes);
  const xattrs: XattrEntry[] = [];
  while (!reader.atEnd) xattrs.push({ name: reader.text16() ?? '', value: reader.bytes32().slice() });
  return xattrs;
}

function readEntry(reader: PackReader, known: readonly ScannedEntry[]): ScannedEntry {
  const above = reader.u32();
  const parent = above === TOP ? -1 : above;
  const numbers = {
    parent,
    mode: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
    size: reader.f64(),
    ino: reader.f64(),
    dev: reader.f64(),
  };
  const where = (): string => pathOf(known, parent);
  const name = validText(reader.bytes16(), where);
  const target = validText(reader.bytes16(), () => `${where()}${name} -> `);
  return { ...numbers, name, target, xattrs: unpackXattrs(reader.bytes32()) };
}

/** The directory's path with a slash at its end; '' for the scanned directory. */
function pathOf(entries: readonly ScannedEntry[], directory: number): string {
  const entry = entries[directory];
  return entry === undefined ? '' : `${pathOf(entries, entry.parent)}${entry.name}/`;
}

function validText(bytes: Uint8Array, where: () => string): string {
  const text = utf8Text(bytes);
  if (text !== null) return text;
  throw new UserError(
    'BAD_NAME',
    `the file name or symlink target '${where()}${escaped(bytes)}' is not valid UTF-8`,
    {
      hint: 'an OSTree tree cannot hold it: rename or remove it',
    },
  );
}

function escaped(bytes: Uint8Array): string {
  return [...bytes]
    .map((byte) =>
      byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}
