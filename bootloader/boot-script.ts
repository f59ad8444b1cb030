/**
 * `boot.scr` for U-Boot: a script that loads and starts the entry that `ostree_entry` names, and the image that it has to
 * be in (the legacy image format of U-Boot, include/image.h).
 */
import { crc32 } from '#bootloader/crc32.ts';
import { menuFallback } from '#bootloader/fallback-marks.ts';
import { ubootCountDown } from '#bootloader/fallback-uboot.ts';
import { UserError } from '#ostree/format/errors.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

export interface ScriptEntry {
  readonly bls: BlsEntry;
  readonly command: BootCommand;
}

export interface ScriptOptions {
  /** Put before every path. */
  readonly prefix: string;
  /** Device tree overlays, relative to the directory of device trees. */
  readonly overlays: readonly string[];
}

/** What starts a kernel of that kind. */
export type BootCommand = 'booti' | 'bootz' | 'bootm';

/** How many bytes of a kernel `bootCommand` looks at. */
export const KERNEL_HEAD = 64;

/**
 * By the image's magic: of uImage and FIT, of a zImage for ARM (at 36); `booti` starts the Image of arm64 and RISC-V, also
 * compressed.
 */
export function bootCommand(head: Uint8Array): BootCommand {
  const has = (at: number, magic: readonly number[]): boolean =>
    magic.every((byte, i) => head[at + i] === byte);
  if (has(0, [0x27, 0x05, 0x19, 0x56]) || has(0, [0xd0, 0x0d, 0xfe, 0xed])) return 'bootm';
  return has(36, [0x18, 0x28, 0x6f, 0x01]) ? 'bootz' : 'booti';
}

/**
 * The script's text, entries in the menu's order. The board's environment gives what distro boot sets (`devtype`, `devnum`,
 * `distro_bootpart`), the usual addresses, `fdtfile`, and which entry (0 where `ostree_entry` is not set). Where the first
 * one is on trial its boots are counted, and one that cannot be started is tried again, until its tries are used up.
 * @throws UserError BAD_BLS for an entry without a kernel
 */
export function bootScript(entries: readonly ScriptEntry[], options: ScriptOptions): string {
  const cases = entries.map((entry, index) => [
    `${index === 0 ? 'if' : 'elif'} test "\${ostree_entry}" = ${index}; then`,
    ...settings(entry, options.prefix).map(([name, value]) => `  setenv ${name} ${quoted(value)}`),
  ]);
  const fallback = menuFallback(entries.map(({ bls }) => bls));
  return [
    '# Written by ostree at each deployment; changes here are lost.',
    'setenv ostree_trial',
    ...(fallback === null ? [] : ubootCountDown(fallback)),
    'test -n "${ostree_entry}" || setenv ostree_entry 0',
    ...cases.flat(),
    ...(entries.length === 0
      ? []
      : ['else', '  echo "ostree: there is no entry ${ostree_entry}"', '  exit', 'fi']),
    ...LOAD,
    ...options.overlays.flatMap(overlay),
    ...START,
    '',
  ].join('\n');
}

/** The script as U-Boot's `source` takes it. Without a time in it: the same text gives the same bytes. */
export function scriptImage(text: string, name: string): Uint8Array {
  const script = utf8Bytes(text);
  const body = [...bigEndian(script.length), ...bigEndian(0), ...script];
  const [linux, arm, isScript, uncompressed] = [5, 2, 6, 0];
  const header = (checksum: number): number[] => [
    ...bigEndian(0x27051956),
    ...bigEndian(checksum),
    ...bigEndian(0),
    ...bigEndian(body.length),
    ...bigEndian(0),
    ...bigEndian(0),
    ...bigEndian(crc32(body)),
    ...[linux, arm, isScript, uncompressed],
    ...Array.from({ length: 32 }, (_, at) => utf8Bytes(name.slice(0, 31))[at] ?? 0),
  ];
  return Uint8Array.from([...header(crc32(header(0))), ...body]);
}

/** Of what the loading below uses. '-' stands for no initramfs, as in U-Boot's commands. */
function settings({ bls, command }: ScriptEntry, prefix: string): [string, string][] {
  const linux = blsValue(bls, 'linux');
  if (linux === null) throw new UserError('BAD_BLS', `a boot entry has no 'linux'`);
  const path = (key: string): string => {
    const value = blsValue(bls, key);
    return value === null ? '' : prefix + value;
  };
  return [
    ['ostree_kernel', prefix + linux],
    ['ostree_initrd', path('initrd')],
    ['ostree_fdt', path('devicetree')],
    ['ostree_fdtdir', path('fdtdir')],
    ['ostree_start', command],
    ['bootargs', blsValue(bls, 'options') ?? ''],
  ];
}

/** On trial the machine starts anew, with one try less; else U-Boot goes on to its next boot target. */
const GIVE_UP = ['test -z "${ostree_trial}" || reset', 'exit'];

const LOAD = [
  'load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} ${ostree_kernel} || setenv ostree_kernel',
  'if test -z "${ostree_kernel}"; then',
  ...GIVE_UP.map(indented),
  'fi',
  'setenv ostree_tree ${fdt_addr}',
  'test -n "${ostree_tree}" || setenv ostree_tree ${fdtcontroladdr}',
  'test -n "${ostree_fdt}" || test -z "${ostree_fdtdir}" || test -z "${fdtfile}" || setenv ostree_fdt ${ostree_fdtdir}/${fdtfile}',
  'if test -n "${ostree_fdt}"; then',
  '  load ${devtype} ${devnum}:${distro_bootpart} ${fdt_addr_r} ${ostree_fdt} && setenv ostree_tree ${fdt_addr_r}',
  'fi',
];

function overlay(name: string): string[] {
  return [
    'if test "${ostree_tree}" = "${fdt_addr_r}"; then',
    '  fdt addr ${fdt_addr_r} && fdt resize 8192',
    `  load \${devtype} \${devnum}:\${distro_bootpart} \${fdtoverlay_addr_r} \${ostree_fdtdir}/${name} && fdt apply \${fdtoverlay_addr_r}`,
    'fi',
  ];
}

/** The initramfs last: its size is what the last `load` says. */
const START = [
  'setenv ostree_ramdisk -',
  'if test -n "${ostree_initrd}"; then',
  '  load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} ${ostree_initrd} || setenv ostree_initrd',
  '  if test -z "${ostree_initrd}"; then',
  ...GIVE_UP.map((line) => indented(indented(line))),
  '  fi',
  '  setenv ostree_ramdisk ${ramdisk_addr_r}:${filesize}',
  'fi',
  '${ostree_start} ${kernel_addr_r} ${ostree_ramdisk} ${ostree_tree}',
  ...GIVE_UP,
];

function indented(line: string): string {
  return `  ${line}`;
}

/** In single quotes, as U-Boot's hush reads them. */
function quoted(text: string): string {
  return `'${text.split("'").join(`'\\''`)}'`;
}

function bigEndian(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
}
