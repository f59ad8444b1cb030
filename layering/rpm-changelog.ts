import { getNumbers, getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';

export interface ChangelogEntry {
  /** Seconds since the epoch. */
  readonly time: number;
  /** Who, and usually the version: `A Person <mail> - 1.0-1`. */
  readonly author: string;
  readonly text: string;
}

/** A header's changelog, newest first, as packages have it. */
export function readChangelog(header: RpmHeader): ChangelogEntry[] {
  const authors = getStrings(header, TAG.CHANGELOGNAME);
  const texts = getStrings(header, TAG.CHANGELOGTEXT);
  return getNumbers(header, TAG.CHANGELOGTIME).map((time, index) => ({
    time,
    author: authors[index] ?? '',
    text: texts[index] ?? '',
  }));
}

/** The entries above the newest one that the older package has too. */
export function newChanges(older: RpmHeader, newer: RpmHeader): ChangelogEntry[] {
  const known = new Set(readChangelog(older).map(keyOf));
  const entries = readChangelog(newer);
  const first = entries.findIndex((entry) => known.has(keyOf(entry)));
  return first === -1 ? entries : entries.slice(0, first);
}

function keyOf({ time, author, text }: ChangelogEntry): string {
  return `${time}\0${author}\0${text}`;
}
