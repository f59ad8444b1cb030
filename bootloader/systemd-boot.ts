/**
 * systemd-boot: the entries on an EFI system partition or an extended boot partition, which have no symbolic links. Pure.
 *
 * What a power cut leaves of a VFAT file system is any part of the sectors that were written since the last flush. An
 * entry has its `linux` line in its first sector: while that is blank, systemd-boot passes over the file. The sector is
 * written when all else is on the disk, and blanked before the file goes: an entry comes and goes with one sector.
 */
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { blsValue, overlayInitrds, parseBls, type BlsEntry, type BootTries } from '#ostree/format/bls.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  comparePartitionNames,
  formatPartitionName,
  parsePartitionName,
  type PartitionName,
} from '#bootloader/partition-name.ts';
import { bootFileOf } from '#bootloader/entries.ts';
import { INITRD_OVERLAYS } from '#ostree/sysroot/deployment.ts';

/** Bytes that a disk writes wholly or not at all. */
export const SECTOR = 512;

/** A sector of line ends. */
export const BLANK: Uint8Array = new Uint8Array(SECTOR).fill(0x0a);

/** An entry that is wanted, from `/boot/loader`. */
export interface WantedEntry {
  readonly bls: BlsEntry;
  readonly tries: BootTries | null;
  /** `STATEROOT/CSUM.N` */
  readonly deployment: string;
}

/** A file of ours in the partition's `loader/entries`. */
export interface PartitionFile {
  readonly name: string;
  readonly text: string;
  /** Where its boot link leads; null where that is no deployment. */
  readonly deployment: string | null;
}

/** A file that entries name. Relative to the sysroot, and to the partition. */
export interface PartitionKernel {
  readonly source: string;
  readonly target: string;
}

export interface PartitionPlan {
  /** The partition says what is wanted: nothing is to be written. */
  readonly isCurrent: boolean;
  /** The default first. */
  readonly entries: readonly { readonly name: string; readonly text: string }[];
  readonly kernels: readonly PartitionKernel[];
  /** Files of ours that go. */
  readonly obsolete: readonly PartitionFile[];
}

/** Keys of an entry whose value is one file, and the file's name on the partition. */
const KERNEL_FILES: readonly (readonly [key: string, name: string])[] = [
  ['linux', 'vmlinuz'],
  ['initrd', 'initramfs.img'],
  ['devicetree', 'devicetree.dtb'],
];

/**
 * The next generation of entries, or the present one where that is as wanted. The counters of a deployment that is there
 * are what systemd-boot made of them; a default that has no tries left gets `freshTries`: somebody wants it tried again.
 * @throws UserError BAD_BLS for an entry without a kernel, or with one that is not in /boot/ostree
 */
export function planPartition(
  wanted: readonly WantedEntry[],
  found: readonly PartitionFile[],
  freshTries: BootTries | null,
): PartitionPlan {
  const counted = wanted.map((entry, index) => {
    const tries = presentTries(entry, found);
    return { ...entry, tries: index === 0 && tries?.left === 0 ? freshTries : tries };
  });
  const generation = found.reduce((highest, { name }) => {
    return Math.max(highest, parsePartitionName(name)?.generation ?? 0);
  }, 0);
  const present = rendered(counted, generation);
  const isCurrent =
    found.length === present.length &&
    present.every(({ name, text }) => found.some((file) => file.name === name && file.text === text));
  const kernels = new Map(wanted.flatMap(({ bls }) => kernelsOf(bls)).map((one) => [one.target, one]));
  return {
    isCurrent,
    entries: isCurrent ? present : rendered(counted, generation + 1),
    kernels: [...kernels.values()],
    obsolete: isCurrent ? [] : found,
  };
}

/** Whether systemd-boot takes the file for an entry. */
export function isLive({ text }: Pick<PartitionFile, 'text'>): boolean {
  return blsValue(parseBls(text), 'linux') !== null;
}

/** The entries among the files in the order of systemd-boot's menu: the first boots by default. */
export function inMenuOrder(files: readonly PartitionFile[]): PartitionFile[] {
  return files
    .filter(isLive)
    .flatMap((file) => {
      const name = parsePartitionName(file.name);
      return name === null ? [] : [{ file, name }];
    })
    .sort((a, b) => comparePartitionNames(a.name, b.name))
    .map(({ file }) => file);
}

/** The files that an entry names, relative to the partition. */
export function filesNamedIn(text: string): string[] {
  return parseBls(text)
    .fields.filter(([key]) => KERNEL_FILES.some(([name]) => name === key))
    .map(([, path]) => path.slice(1));
}

/** The first sector of an entry's file, and all of it with that sector blank. */
export function sectorsOf(text: string): { readonly first: Uint8Array; readonly prepared: Uint8Array } {
  const bytes = utf8Bytes(text);
  return { first: bytes.slice(0, SECTOR), prepared: Uint8Array.from([...BLANK, ...bytes.slice(SECTOR)]) };
}

function presentTries({ deployment, tries }: WantedEntry, found: readonly PartitionFile[]): BootTries | null {
  const [newest] = inMenuOrder(found)
    .filter((file) => file.deployment === deployment)
    .map(({ name }) => parsePartitionName(name))
    .filter((name): name is PartitionName => name !== null)
    .sort((a, b) => b.generation - a.generation);
  return newest === undefined ? tries : newest.tries;
}

function rendered(
  entries: readonly WantedEntry[],
  generation: number,
): { readonly name: string; readonly text: string }[] {
  return entries.map(({ bls, tries }, index) => {
    const position = index === 0 ? 0 : entries.length - index;
    const name = formatPartitionName({ generation, position, tries });
    return { name, text: entryText(bls, position === 0 ? `${generation}` : `0.${position}`) };
  });
}

/** At least a sector long: what follows the text is empty lines. */
function entryText(bls: BlsEntry, version: string): string {
  const files = kernelsOf(bls).map(({ key, target }) => ({ key, line: `${key} /${target}\n` }));
  const start = files.filter(({ key }) => key === 'linux').map(({ line }) => line);
  const rest = files.filter(({ key }) => key !== 'linux').map(({ line }) => line);
  const title = blsValue(bls, 'title');
  const lines = [
    ...start,
    `version ${version}\nsort-key yum-ostree\n`,
    ...(title === null ? [] : [`title ${title}\n`]),
    ...rest,
    `options ${blsValue(bls, 'options') ?? ''}\n`,
  ];
  const text = lines.join('');
  return text + '\n'.repeat(Math.max(0, SECTOR - utf8Bytes(text).length));
}

function kernelsOf(bls: BlsEntry): (PartitionKernel & { readonly key: string })[] {
  if (blsValue(bls, 'linux') === null) throw new UserError('BAD_BLS', `a boot entry has no 'linux'`);
  const files = KERNEL_FILES.flatMap(([key, name]) => {
    const path = blsValue(bls, key);
    if (path === null) return [];
    const { source, directory } = inBoot(path);
    return [{ key, source, target: `ostree/${directory}/${name}` }];
  });
  const overlays = overlayInitrds(bls).map((path) => {
    const { source } = inBoot(path);
    const target = `${INITRD_OVERLAYS}/${path.slice(path.lastIndexOf('/') + 1)}`;
    return { key: 'initrd', source, target };
  });
  return [...files, ...overlays];
}

/** Where the file of an entry's path lies in the sysroot, and the checksum in its directory's name. */
function inBoot(path: string): { readonly source: string; readonly directory: string } {
  const source = bootFileOf(path);
  const [, ostree, parent = '', name = '', ...more] = source.split('/');
  const directory = parent.slice(-64);
  const isKernel = isChecksum(directory) || `ostree/${parent}` === INITRD_OVERLAYS;
  const isAbsolute = path.startsWith('/');
  if (isAbsolute && ostree === 'ostree' && isKernel && name !== '' && more.length === 0)
    return { source, directory };
  throw new UserError('BAD_BLS', `a boot entry names '${path}', which is no file of /boot/ostree`);
}
