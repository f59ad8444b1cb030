/**
 * `extlinux.conf`, which U-Boot's distro boot and extlinux read: our labels in, everything else in the file stays. The
 * keywords are those of U-Boot (doc/usage/extlinux, doc/README.pxe); case does not matter to it.
 */
import { UserError } from '#ostree/format/errors.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { chosenLabels, entryLabel, isOwnLabel, restOf, wordOf } from '#bootloader/fallback-syslinux.ts';
import { menuFallback, type MenuFallback } from '#bootloader/fallback-marks.ts';

export interface ExtlinuxOptions {
  /** Put before every path: '/boot' unless the entries say it themselves. */
  readonly prefix: string;
  /** Device tree overlays, relative to an entry's directory of device trees, in the order in which they apply. */
  readonly overlays: readonly string[];
}

/** Keywords of a label; a line that is not indented and starts with another one ends it. */
const LABEL_WORDS = new Set([
  ...[
    'menu',
    'kernel',
    'linux',
    'fdt',
    'devicetree',
    'fdtdir',
    'devicetreedir',
    'fdtoverlays',
    'initrd',
    'append',
  ],
  ...['ipappend', 'localboot', 'text', 'help', 'endtext', 'kaslrseed', 'fit', 'com32'],
]);

/**
 * The new text from the current one and the entries in the menu's order. Labels are ours where their kernel is in
 * `/ostree`; a default that is none of ours is kept.
 * @throws UserError BAD_BLS for an entry without a kernel
 */
export function extlinuxText(
  current: string,
  entries: readonly BlsEntry[],
  options: ExtlinuxOptions,
): string {
  const blocks = blocksOf(current).filter((block) => !isOurs(block));
  const kept = blocks.flat();
  const isDefault = (line: string): boolean => wordOf(line) === 'default';
  const foreignLabels = blocks.flatMap(([line]) =>
    line !== undefined && wordOf(line) === 'label' ? [restOf(line)] : [],
  );
  const foreign = kept.filter((line) => isDefault(line) && foreignLabels.includes(restOf(line)));
  const others = kept.filter((line) => !isDefault(line) && !isOwnOnError(line));
  // With a default of somebody else's nothing is on trial.
  const fallback = foreign.length > 0 ? null : menuFallback(entries);
  const hasOnError = others.some((line) => wordOf(line) === 'onerror');
  const lines = [
    ...(foreign.length > 0 ? foreign : ownDefault(entries, fallback, hasOnError)),
    ...others,
    ...entries.flatMap((entry, index) =>
      stanza(entry, { ...options, label: entryLabel('extlinux.conf', index, fallback), index }),
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function ownDefault(
  entries: readonly BlsEntry[],
  fallback: MenuFallback | null,
  hasOnError: boolean,
): string[] {
  if (fallback !== null)
    return chosenLabels('extlinux.conf', fallback, hasOnError).map(([word, label]) => `${word} ${label}`);
  return entries.length > 0 ? ['default ostree-0'] : [];
}

function isOwnOnError(line: string): boolean {
  return wordOf(line) === 'onerror' && isOwnLabel(restOf(line));
}

/** Lines that belong together: a label with what it has, any other line alone. Empty lines at the end go. */
function blocksOf(text: string): string[][] {
  const lines = text.split('\n');
  while (lines.at(-1) === '') lines.pop();
  const blocks: string[][] = [];
  let isInLabel = false;
  for (const line of lines) {
    const isIndented = line.startsWith('\t') || line.startsWith(' ');
    const belongs: boolean =
      isInLabel && wordOf(line) !== 'label' && (isIndented || LABEL_WORDS.has(wordOf(line)));
    if (belongs) blocks.at(-1)?.push(line);
    else blocks.push([line]);
    isInLabel = belongs || wordOf(line) === 'label';
  }
  return blocks;
}

function isOurs(block: readonly string[]): boolean {
  return block.some((line) => {
    const isKernel = wordOf(line) === 'kernel' || wordOf(line) === 'linux';
    return isKernel && (restOf(line).startsWith('/ostree/') || restOf(line).startsWith('/boot/ostree/'));
  });
}

interface StanzaOptions extends ExtlinuxOptions {
  readonly label: string;
  readonly index: number;
}

function stanza(entry: BlsEntry, { prefix, overlays, label, index }: StanzaOptions): string[] {
  const linux = blsValue(entry, 'linux');
  if (linux === null) throw new UserError('BAD_BLS', `a boot entry has no 'linux'`);
  const initrds = entry.fields.filter(([key]) => key === 'initrd').map(([, path]) => prefix + path);
  // U-Boot takes one initrd.
  const [initrd] = initrds;
  const devicetree = blsValue(entry, 'devicetree');
  const directory = blsValue(entry, 'fdtdir');
  const applied = directory === null ? [] : overlays.map((name) => `${prefix}${directory}/${name}`);
  return [
    `label ${label}`,
    `\tmenu label ${blsValue(entry, 'title') ?? `ostree:${index}`}`,
    `\tlinux ${prefix}${linux}`,
    ...(initrd === undefined ? [] : [`\tinitrd ${initrd}`]),
    ...(devicetree === null ? [] : [`\tfdt ${prefix}${devicetree}`]),
    ...(directory === null ? [] : [`\tfdtdir ${prefix}${directory}`]),
    ...(applied.length === 0 ? [] : [`\tfdtoverlays ${applied.join(' ')}`]),
    `\tappend ${blsValue(entry, 'options') ?? ''}`,
  ];
}
