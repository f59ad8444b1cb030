/** Which commits a pull means: names, names with a commit, or all there are. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parseRefName } from '#ostree/format/ref-name.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import type { PullSource } from '#ostree/repo/pull-source.ts';
import type { Summary } from '#ostree/repo/summary.ts';

/** What was asked for: a ref, a ref at a commit, or a commit alone (`ref` is null). */
export interface WantedRef {
  readonly ref: string | null;
  readonly checksum: Checksum | null;
}

/** A ref (or none) and the commit that it is to name. */
export interface ResolvedRef {
  readonly ref: string | null;
  readonly checksum: Checksum;
}

/** `REF`, `REF@CHECKSUM` or `CHECKSUM`. @throws UserError BAD_REF_NAME, BAD_CHECKSUM */
export function parseWantedRef(text: string): WantedRef {
  if (isChecksum(text)) return { ref: null, checksum: text };
  const at = text.lastIndexOf('@');
  if (at < 0) return { ref: parseRefName(text), checksum: null };
  const checksum = text.slice(at + 1);
  if (!isChecksum(checksum)) throw new UserError('BAD_CHECKSUM', `Invalid rev ${checksum}`);
  return { ref: parseRefName(text.slice(0, at)), checksum };
}

/** The commits; the last one counts where a ref is asked for twice. @throws UserError NO_REV, FETCH_FAILED */
export async function resolveWanted(
  source: PullSource,
  wanted: readonly WantedRef[],
  summary: Summary | null,
): Promise<ResolvedRef[]> {
  const found = new Map<string, ResolvedRef>();
  for (const { ref, checksum } of wanted) {
    const commit = checksum ?? (await lookUp(source, ref ?? '', summary));
    found.set(ref ?? commit, { ref, checksum: commit });
  }
  return [...found.values()];
}

async function lookUp(source: PullSource, ref: string, summary: Summary | null): Promise<Checksum> {
  const listed = summary?.refs.find(({ name }) => name === ref);
  if (listed !== undefined) return listed.checksum;
  const bytes = await source.file(`refs/heads/${ref}`);
  if (bytes === null)
    throw new UserError('NO_REV', `No such branch '${ref}' in repository ${source.name} (404: not found)`, {
      hint: `'ostree remote refs' lists what there is, where the repository has a summary`,
    });
  const text = (utf8Text(bytes) ?? '').trimEnd();
  if (!isChecksum(text))
    throw new UserError(
      'BAD_REF',
      `Fetching checksum for ref ((empty), ${ref}): Invalid rev ${text.replaceAll('\n', ' ').slice(0, 200)}`,
    );
  return text;
}
