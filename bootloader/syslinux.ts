/** `syslinux.cfg`: our entries in, everything else in the file stays. */
import { UserError } from '#ostree/format/errors.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { chosenLabels, entryLabel, isOwnLabel, restOf, wordOf } from '#bootloader/fallback-syslinux.ts';
import { menuFallback, type MenuFallback } from '#bootloader/fallback-marks.ts';

const PATHS: readonly (readonly [key: string, word: string])[] = [
  ['linux', 'KERNEL'],
  ['initrd', 'INITRD'],
  ['devicetree', 'DEVICETREE'],
];

/**
 * The new text from the current one and the entries in the menu's order. `bootPrefix`: the entries' paths start with
 * /boot already. A DEFAULT that is not ostree's is kept (ostree drops it).
 * @throws UserError BAD_SYSLINUX for a LABEL without a KERNEL
 */
export function syslinuxText(current: string, entries: readonly BlsEntry[], bootPrefix: boolean): string {
  const { kept, foreignDefault } = foreignLines(current);
  // With a default of somebody else's nothing is on trial.
  const fallback = foreignDefault === null ? menuFallback(entries) : null;
  const ours = entries.flatMap((entry, index) =>
    stanza(entry, { prefix: bootPrefix ? '' : '/boot', index, fallback }),
  );
  const chosen =
    foreignDefault === null ? ownDefault(entries, fallback, kept.some(isOnError)) : [foreignDefault];
  return collapse([...kept, ...chosen, ...ours]);
}

function ownDefault(
  entries: readonly BlsEntry[],
  fallback: MenuFallback | null,
  hasOnError: boolean,
): string[] {
  if (fallback !== null)
    return chosenLabels('syslinux.cfg', fallback, hasOnError).map(
      ([word, label]) => `${word.toUpperCase()} ${label}`,
    );
  const title = entries[0] === undefined ? null : blsValue(entries[0], 'title');
  return title === null ? [] : [`DEFAULT ${title}`];
}

function isOnError(line: string): boolean {
  return wordOf(line) === 'onerror';
}

interface Foreign {
  readonly kept: readonly string[];
  readonly foreignDefault: string | null;
}

function foreignLines(current: string): Foreign {
  const kept: string[] = [];
  let foreignDefault: string | null = null;
  let block: string[] | null = null;
  const endBlock = (): void => {
    if (block !== null && !isOurs(block)) kept.push(...block);
    block = null;
  };
  for (const line of current.split('\n')) {
    if (block !== null && line.startsWith('\t')) {
      block.push(line);
      continue;
    }
    endBlock();
    if (line.startsWith('LABEL ')) block = [line];
    else if (isOnError(line) && isOwnLabel(restOf(line))) continue;
    else if (!line.startsWith('DEFAULT ')) kept.push(line);
    else if (!isOurDefault(line)) foreignDefault = line;
  }
  endBlock();
  return { kept, foreignDefault };
}

function isOurs(block: readonly string[]): boolean {
  const kernel = block.find((line) => line.startsWith('\tKERNEL '));
  if (kernel === undefined)
    throw new UserError('BAD_SYSLINUX', `No KERNEL argument found after LABEL: '${block[0] ?? ''}'`, {
      hint: 'boot/syslinux/syslinux.cfg is damaged',
    });
  const path = kernel.slice('\tKERNEL '.length);
  return path.startsWith('/ostree/') || path.startsWith('/boot/ostree/');
}

function isOurDefault(line: string): boolean {
  return line.startsWith('DEFAULT ostree:') || line.includes('(ostree');
}

interface StanzaPlace {
  /** Put before every path. */
  readonly prefix: string;
  readonly index: number;
  readonly fallback: MenuFallback | null;
}

/** With a trial, the labels have to be told apart: syslinux knows a label by its first word. */
function stanza(entry: BlsEntry, { prefix, index, fallback }: StanzaPlace): string[] {
  const title = blsValue(entry, 'title');
  if (title === null) throw new UserError('BAD_BLS', 'a boot entry has no title');
  const paths = PATHS.map(([key, word]) => {
    const value = blsValue(entry, key);
    return value === null ? null : `\t${word} ${prefix}${value}`;
  });
  const options = blsValue(entry, 'options');
  const append = options === null ? null : `\tAPPEND ${options}`;
  const label =
    fallback === null
      ? [`LABEL ${title}`]
      : [`LABEL ${entryLabel('syslinux.cfg', index, fallback)}`, `\tMENU LABEL ${title}`];
  return [...label, ...paths, append].filter((line) => line !== null);
}

/** Only the first empty line of all stays, as with ostree: otherwise they would grow in number with each deploy. */
function collapse(lines: readonly string[]): string {
  const first = lines.indexOf('');
  return lines
    .filter((line, at) => line !== '' || at === first)
    .map((line) => `${line}\n`)
    .join('');
}
