/**
 * What syslinux does for the fallback model, in its configuration: the entry that can be fallen back to stays the
 * default, and the one on trial has a label of its own, which boots once (docs/fallback.md). Marked good, that label
 * becomes the default. Where it cannot be loaded, or there is no such label, ONERROR boots the default.
 */
import type { MenuFallback } from '#bootloader/fallback-marks.ts';
import type { Counts } from '#bootloader/fallback.ts';

/** The files that syslinux reads. ostree's LABELs in the first are titles, of which syslinux knows the first word. */
export type SyslinuxFile = 'syslinux.cfg' | 'extlinux.conf';

/** ostree takes a DEFAULT for its own where it starts like this. */
const STARTS: Readonly<Record<SyslinuxFile, string>> = {
  'syslinux.cfg': 'ostree:',
  'extlinux.conf': 'ostree-',
};

/** A name for the entry at a place of the menu. */
export function entryLabel(file: SyslinuxFile, index: number, fallback: MenuFallback | null): string {
  const name = index === 0 && fallback !== null ? `trial-${fallback.trial.id}` : String(index);
  return STARTS[file] + name;
}

/** The label of a trial. */
export function trialLabel(file: SyslinuxFile, id: string): string {
  return `${STARTS[file]}trial-${id}`;
}

/** Whether what follows DEFAULT or ONERROR is an entry of ostree's. */
export function isOwnLabel(label: string): boolean {
  return label.startsWith('ostree:') || label.startsWith('ostree-') || label.includes('(ostree');
}

/** The lines before the entries, in the order of the file. `hasOnError`: somebody else's is there. */
export function chosenLabels(
  file: SyslinuxFile,
  fallback: MenuFallback,
  hasOnError: boolean,
): readonly (readonly [word: 'default' | 'onerror', label: string])[] {
  const label = entryLabel(file, fallback.place, fallback);
  return hasOnError
    ? [['default', label]]
    : [
        ['default', label],
        ['onerror', label],
      ];
}

/** What follows each DEFAULT of the file: syslinux takes the last. */
export function defaultLabels(text: string): string[] {
  return text.split('\n').flatMap((line) => (wordOf(line) === 'default' ? [restOf(line)] : []));
}

/**
 * The file that is in use while the next one is written, so that a label that it does not have leads to its default.
 * The same text where it says what to do already.
 */
export function withOnError(text: string): string {
  const lines = text.split('\n');
  const at = lines.findLastIndex((line) => wordOf(line) === 'default');
  const line = lines[at];
  if (line === undefined || lines.some((one) => wordOf(one) === 'onerror')) return text;
  return [...lines.slice(0, at + 1), `ONERROR ${restOf(line)}`, ...lines.slice(at + 1)].join('\n');
}

/** The file with the label of a trial as its default. */
export function withDefault(text: string, label: string): string {
  return text
    .split('\n')
    .map((line) => (wordOf(line) === 'default' ? `${line.trim().slice(0, 'default'.length)} ${label}` : line))
    .join('\n');
}

/** What the file and the auxiliary data say of the trial in the file. `once`: what boots next, once. */
export function syslinuxCounts(file: SyslinuxFile, text: string, once: string | null): Counts {
  const start = trialLabel(file, '');
  const label = text
    .split('\n')
    .flatMap((line) => (wordOf(line) === 'label' ? [restOf(line)] : []))
    .find((one) => one.startsWith(start));
  if (label === undefined) return new Map();
  const count = defaultLabels(text).at(-1) === label ? 'good' : once === label ? 1 : 0;
  return new Map([[label.slice(start.length), count]]);
}

/** The first word of a line, in small letters. */
export function wordOf(line: string): string {
  return (line.trim().split('\t').join(' ').split(' ')[0] ?? '').toLowerCase();
}

/** What follows it. */
export function restOf(line: string): string {
  return line.trim().slice(wordOf(line).length).trim();
}
