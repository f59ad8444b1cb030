/** What is said of files that two packages want to be different. */
import { UserError } from '#ostree/format/errors.ts';
import type { FileConflict } from '#layering/compose-merge.ts';

export interface NamedConflict extends FileConflict {
  /** NEVRA of the package that brings the file. */
  readonly wantedBy: string;
  /** NEVRA of the package whose file is there, and whether it is the base's; null where no package has it. */
  readonly owner: { readonly nevra: string; readonly inBase: boolean } | null;
}

const MOST_SHOWN = 20;
const CHECKSUM_DIGITS = 16;

/** One error for all conflicts, each with both owners and both checksums (of the objects). */
export function conflictsError(conflicts: readonly NamedConflict[]): UserError {
  const shown = conflicts.slice(0, MOST_SHOWN).map(sentence);
  const more = conflicts.length - shown.length;
  const lines = more > 0 ? [...shown, `and ${more} more`] : shown;
  return new UserError('FILE_CONFLICT', lines.join('\n'), {
    hint: 'leave one of the packages out, or let the new files win with --force-replacefiles',
  });
}

/** The package whose file stays where a 32-bit and a 64-bit file meet: the 64-bit one. */
export function preferredByColor(wanted: number, existing: number): 'new' | 'existing' | null {
  if (wanted === 0 || existing === 0 || wanted === existing) return null;
  return wanted > existing ? 'new' : 'existing';
}

function sentence({ path, wantedBy, owner, wanted, existing }: NamedConflict): string {
  const whose =
    owner === null
      ? 'the base, where no package owns it'
      : `${owner.nevra}${owner.inBase ? ' in the base' : ''}`;
  const what = (checksum: string | null): string =>
    checksum === null ? 'directory' : checksum.slice(0, CHECKSUM_DIGITS);
  return `file /${path} of ${wantedBy} (${what(wanted)}) conflicts with that of ${whose} (${what(existing)})`;
}
