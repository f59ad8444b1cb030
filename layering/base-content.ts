/** How much of a base is needed, and whether that is here: a look for updates fetches only the commit. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { parseRefspec, type Refspec } from '#ostree/format/ref-name.ts';
import { isPartial } from '#ostree/repo/partial.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { openBaseDatabase } from '#layering/compose-database.ts';
import type { Progress } from '#layering/progress.ts';
import type { System } from '#layering/system.ts';

/** The commit alone, what a plan is made from, or the whole tree. */
export type BasePart = 'commit' | 'plan' | 'tree';

/** The paths that a plan is made from. */
export const PLANNED_PATHS = [
  '/usr/share/rpm',
  '/usr/lib/sysimage/rpm',
  '/usr/lib/os-release',
  '/usr/etc/os-release',
] as const;

export interface BasePull {
  readonly refspec: Refspec;
  /** This commit of the ref instead of the newest. */
  readonly commit: Checksum | null;
  readonly part: BasePart;
  /** Generations of parents whose commits come too. */
  readonly depth?: number;
}

export interface BaseFetch {
  readonly part: BasePart;
  /** Brings a ref of a remote into the repository; null: only what is there. */
  readonly pull: ((system: System, what: BasePull) => Promise<void>) | null;
  readonly progress: Progress;
}

/** Brings the newest commit of a ref, or that one; what is not of a remote needs none. */
export async function fetchBase(
  system: System,
  { pull, part, progress }: BaseFetch,
  { base, ...what }: { readonly base: string; readonly commit?: Checksum; readonly depth?: number },
): Promise<void> {
  const refspec = remoteRef(base);
  if (pull === null || refspec === null) return;
  if (system.isLocked) return pull(system, { refspec, commit: null, part, ...what });
  progress({ kind: 'warning', text: `${base} is taken as it is here: this system cannot be changed now` });
}

/** Sees to it that what is needed of the commit is here. @throws UserError NOT_CACHED, and of the pull */
export async function completeBase(
  system: System,
  fetch: BaseFetch,
  { base, commit }: { readonly base: string; readonly commit: Checksum },
): Promise<void> {
  if (isHere(system.sysroot.repo, commit, fetch.part)) return;
  const refspec = remoteRef(base);
  if (fetch.pull !== null && refspec !== null && system.isLocked)
    return fetch.pull(system, { refspec, commit, part: fetch.part });
  throw new UserError('NOT_CACHED', `of the commit ${commit} (${base}) only a part is here`, {
    hint:
      refspec === null
        ? `'ostree pull REMOTE ${commit}' fetches the rest`
        : system.isLocked
          ? 'run once without -C'
          : 'try again as root, when no other process is changing this system',
  });
}

function isHere(repo: Repo, commit: Checksum, part: BasePart): boolean {
  if (part === 'commit' || !isPartial(repo, commit)) return true;
  if (part === 'tree') return false;
  try {
    openBaseDatabase(repo, commit).close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'NO_OBJECT') return false;
    throw error;
  }
}

function remoteRef(base: string): Refspec | null {
  const refspec = isChecksum(base) ? null : parseRefspec(base);
  return refspec === null || refspec.remote === null ? null : refspec;
}
