/** The files that a package's header lists. */
import { badHeader, getNumbers, getString, getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import { S } from '#native/syscalls.ts';
import { FILE, TAG } from '#layering/rpm-tags.ts';

export interface RpmFileEntry {
  /** Absolute. */
  readonly path: string;
  /** Bytes, as the header says (directories have a size too). */
  readonly size: number;
  /** Type and permission bits, as st_mode. */
  readonly mode: number;
  readonly uidName: string;
  readonly gidName: string;
  /** Bits of `FILE`. */
  readonly flags: number;
  /** Lower-case hex; '' for what is not a regular file. */
  readonly digest: string;
  /** A symlink's target, else ''. */
  readonly linkto: string;
  /** As in %caps, e.g. `cap_net_raw=ep`; '' where there are none. */
  readonly caps: string;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Equal device and inode: names of one file. */
  readonly device: number;
  readonly inode: number;
  readonly rdev: number;
  /** 1: 32-bit ELF, 2: 64-bit ELF, 0: neither. */
  readonly color: number;
}

/** Names of digest algorithms by their OpenPGP number. */
const DIGESTS: Readonly<Record<number, string>> = {
  1: 'md5',
  2: 'sha1',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
  12: 'sha3-256',
  14: 'sha3-512',
};

/** In the header's order. @throws UserError BAD_RPM_HEADER where the lists do not fit together */
export function readFileList(header: RpmHeader): RpmFileEntry[] {
  const paths = filePaths(header);
  const count = paths.length;
  const list = (tag: number) => sized(header, getNumbers(header, tag), count);
  const texts = (tag: number) => sized(header, getStrings(header, tag), count);
  const long = list(TAG.LONGFILESIZES);
  const sizes = long.length > 0 ? long : list(TAG.FILESIZES);
  const [modes, flags, mtimes] = [list(TAG.FILEMODES), list(TAG.FILEFLAGS), list(TAG.FILEMTIMES)];
  const [devices, inodes, rdevs] = [list(TAG.FILEDEVICES), list(TAG.FILEINODES), list(TAG.FILERDEVS)];
  const [digests, links, caps] = [texts(TAG.FILEDIGESTS), texts(TAG.FILELINKTOS), texts(TAG.FILECAPS)];
  const [users, groups, colors] = [texts(TAG.FILEUSERNAME), texts(TAG.FILEGROUPNAME), list(TAG.FILECOLORS)];
  return paths.map((path, i) => ({
    path,
    size: sizes[i] ?? 0,
    mode: modes[i] ?? 0,
    uidName: users[i] ?? 'root',
    gidName: groups[i] ?? 'root',
    flags: flags[i] ?? 0,
    digest: digests[i] ?? '',
    linkto: links[i] ?? '',
    caps: caps[i] ?? '',
    mtime: mtimes[i] ?? 0,
    device: devices[i] ?? 0,
    inode: inodes[i] ?? 0,
    rdev: rdevs[i] ?? 0,
    color: colors[i] ?? 0,
  }));
}

/** Absolute paths in the header's order. */
export function filePaths(header: RpmHeader): string[] {
  const names = getStrings(header, TAG.BASENAMES);
  if (names.length === 0) return getStrings(header, TAG.OLDFILENAMES);
  const directories = getStrings(header, TAG.DIRNAMES);
  const indexes = getNumbers(header, TAG.DIRINDEXES);
  return names.map((name, i) => {
    const directory = directories[indexes[i] ?? -1];
    if (directory === undefined) throw badHeader(header.where, `the file '${name}' has no directory`);
    return directory + name;
  });
}

/** The algorithm of the files' digests, as node:crypto calls it; null for one that is not known. */
export function fileDigestAlgorithm(header: RpmHeader): string | null {
  return digestName(getNumbers(header, TAG.FILEDIGESTALGO)[0] ?? 1);
}

/** node:crypto's name of an OpenPGP digest number. */
export function digestName(algorithm: number): string | null {
  return DIGESTS[algorithm] ?? null;
}

/** Hex digits of a digest. */
export function digestLength(algorithm: string | null): number {
  return { md5: 32, sha1: 40, sha224: 56, sha384: 96, sha512: 128 }[algorithm ?? ''] ?? 64;
}

export function isGhost(entry: RpmFileEntry): boolean {
  return (entry.flags & FILE.GHOST) !== 0;
}

/**
 * For each regular file with several names, the indexes of all of them in the header's order. Ghosts, which are not in
 * the payload, are left out.
 */
export function linkGroups(files: readonly RpmFileEntry[]): Map<number, readonly number[]> {
  const byInode = new Map<string, number[]>();
  files.forEach((entry, index) => {
    if ((entry.mode & S.IFMT) !== S.IFREG || isGhost(entry) || entry.inode === 0) return;
    const key = `${entry.device}:${entry.inode}`;
    byInode.set(key, [...(byInode.get(key) ?? []), index]);
  });
  const groups = new Map<number, readonly number[]>();
  for (const group of byInode.values())
    if (group.length > 1) for (const index of group) groups.set(index, group);
  return groups;
}

/** Whether the package is a source package. */
export function isSource(header: RpmHeader): boolean {
  return getString(header, TAG.SOURCERPM) === null || header.entries.has(TAG.SOURCEPACKAGE);
}

function sized<T>(header: RpmHeader, values: T[], count: number): T[] {
  if (values.length !== 0 && values.length !== count)
    throw badHeader(header.where, `it lists ${count} files and ${values.length} values for them`);
  return values;
}
