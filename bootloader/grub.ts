/**
 * GRUB: the stanzas of `ostree admin instutil grub2-generate`, and a whole grub.cfg where no grub2-mkconfig makes it.
 * `linux` and `initrd` serve BIOS and EFI alike; `linux16` and `linuxefi` went out with GRUB 2.06.
 */
import { UserError } from '#ostree/format/errors.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { grubChoice, grubCountDown } from '#bootloader/fallback-grub.ts';
import { menuFallback } from '#bootloader/fallback-marks.ts';

export interface GrubOptions {
  /** UUID or name of the file system with the kernels, in the entries' ids. */
  readonly deviceId: string;
  /** The commands that find that file system (`search …`), one a line; from grub-mkconfig's environment. */
  readonly prepareRoot: string;
  /** Put before every path: `/boot` where /boot lies on the root file system, else ''. */
  readonly prefix: string;
}

/**
 * One `menuentry` for each entry, in the menu's order, and before them what chooses another default where the first one
 * has failed. @throws UserError BAD_BLS for an entry without a kernel
 */
export function grubStanzas(entries: readonly BlsEntry[], options: GrubOptions): string {
  const fallback = menuFallback(entries);
  const choice = fallback === null ? '' : grubChoice(fallback, quoted(entryId(fallback.place, options)));
  return (
    choice +
    entries
      .map((entry, index) => {
        const before = fallback === null || index > 0 ? [] : grubCountDown(fallback.trial);
        return stanza(entry, options, { index, before, isNamed: index === fallback?.place });
      })
      .join('')
  );
}

/** The first line of a grub.cfg that grub2-mkconfig did not make. */
export const OWN_GRUB_HEADER = '# Written by ostree at each deployment; changes here are lost.';

/**
 * A whole grub.cfg for machines without grub2-mkconfig: a menu of our entries, the first by default. Where the kernel of
 * one on trial cannot be loaded, GRUB boots the other one at once, instead of waiting for somebody at its menu; that one
 * is named by its place in the menu, which nobody knows in a menu of grub2-mkconfig.
 */
export function grubConfig(entries: readonly BlsEntry[], options: GrubOptions): string {
  const fallback = menuFallback(entries);
  const header = [
    OWN_GRUB_HEADER,
    'set default=0',
    'set timeout=5',
    ...(fallback === null ? [] : [`set fallback=${fallback.place}`]),
    '',
  ];
  return `${header.join('\n')}\n${grubStanzas(entries, options)}`;
}

function entryId(index: number, { deviceId }: GrubOptions): string {
  return `ostree-${index}-${deviceId}`;
}

interface StanzaPlace {
  readonly index: number;
  /** Commands before all others. */
  readonly before: readonly string[];
  /** It is chosen by its id. As ostree writes the id, it is an argument that GRUB passes over. */
  readonly isNamed: boolean;
}

function stanza(entry: BlsEntry, options: GrubOptions, { index, before, isNamed }: StanzaPlace): string {
  const title = required(entry, 'title');
  const kernel = `linux ${options.prefix}${required(entry, 'linux')}`;
  const id = entryId(index, options);
  const lines = [
    ...before,
    'load_video',
    'set gfxpayload=keep',
    'insmod gzio',
    ...options.prepareRoot.split('\n').filter((line) => line !== ''),
    [kernel, blsValue(entry, 'options') ?? ''].join(' ').trimEnd(),
    ...pathLine('initrd', entry, { key: 'initrd', prefix: options.prefix }),
    ...pathLine('devicetree', entry, { key: 'devicetree', prefix: options.prefix }),
  ];
  const classes = `--class gnu-linux --class gnu --class os --unrestricted${isNamed ? ' --id' : ''}`;
  return `menuentry ${quoted(title)} ${classes} ${quoted(id)} {\n${lines.join('\n')}\n}\n`;
}

function pathLine(command: string, entry: BlsEntry, from: { key: string; prefix: string }): string[] {
  const paths = entry.fields.filter(([key]) => key === from.key).map(([, path]) => from.prefix + path);
  return paths.length === 0 ? [] : [`${command} ${paths.join(' ')}`];
}

function required(entry: BlsEntry, key: string): string {
  const value = blsValue(entry, key);
  if (value === null) throw new UserError('BAD_BLS', `a boot entry has no '${key}', GRUB cannot boot it`);
  return value;
}

/** In single quotes, as GRUB's script language reads them. */
function quoted(text: string): string {
  return `'${text.split("'").join(`'\\''`)}'`;
}
