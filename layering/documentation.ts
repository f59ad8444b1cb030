/** Whether packages' documentation is wanted: where the base was made without it, what is layered comes without it too. */
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { treePathOf } from '#layering/import-paths.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { getNumbers, type RpmHeader } from '#layering/rpm-header.ts';
import { FILE, TAG } from '#layering/rpm-tags.ts';
import { readTreeText } from '#layering/users-tree.ts';

/** What of a package stays out of the tree. */
export interface LeftOut {
  /** Documentation, and directories that have nothing else; by path in the tree. */
  readonly docs: ReadonlySet<string>;
  /** All that the package lists: other directories are there only for what is in them. */
  readonly listed: ReadonlySet<string>;
}

const TREEFILE = 'usr/share/rpm-ostree/treefile.json';
const DNF = ['usr/etc/dnf/dnf.conf', 'usr/etc/yum.conf'];
/** In the order in which rpm reads them; the last word counts. */
const MACRO_PLACES = ['usr/lib/rpm', 'usr/lib/rpm/macros.d', 'usr/etc/rpm'];
const MACRO_FILE = /^usr\/(lib|etc)\/rpm\/macros$|\/(macros\.d|etc\/rpm)\/macros\.[^/~]+$/;
const STATE_NOT_INSTALLED = 2;

/** The base's files, as far as they say what of packages is wanted. */
export interface BaseFiles {
  /** null where there is no such file. */
  readonly text: (path: string) => string | null;
  /** Names of files in a directory, sorted; none where there is none. */
  readonly names: (path: string) => readonly string[];
}

/**
 * What the base says of itself: rpm-ostree's treefile (`documentation`), where that says nothing dnf's settings
 * (`tsflags=nodocs`) and rpm's macros (`%_excludedocs`).
 */
export function leavesOutDocumentation({ text, names }: BaseFiles): boolean {
  const treefile = documentationOf(text(TREEFILE) ?? '');
  if (treefile !== null) return !treefile;
  if (DNF.some((path) => /^\s*tsflags\s*=.*\bnodocs\b/m.test(text(path) ?? ''))) return true;
  const files = MACRO_PLACES.flatMap((place) => names(place).map((name) => `${place}/${name}`));
  const settings = files
    .filter((path) => MACRO_FILE.test(path))
    .flatMap((path) => [...(text(path) ?? '').matchAll(/^\s*%_excludedocs[ \t]+(\S+)/gm)]);
  return Number(settings.at(-1)?.[1] ?? 0) > 0;
}

/** Those of a tree. */
export function filesOf(repo: Repo, base: MutableTree): BaseFiles {
  return {
    text: (path) => readTreeText(repo, base, path),
    names: (path) => {
      const entry = base.get(path);
      if (entry?.kind !== 'directory') return [];
      return entry.tree.entries().flatMap(([name, one]) => (one.kind === 'file' ? [name] : []));
    },
  };
}

/** What of the package is left out where documentation is; null where it has none. */
export function documentationIn(header: RpmHeader): LeftOut | null {
  const isOut = withoutDocumentation(header);
  if (!isOut.includes(true)) return null;
  const paths = filePaths(header).map(treePathOf);
  const isPath = (path: string | null): path is string => path !== null;
  return {
    docs: new Set(paths.filter((_, at) => isOut[at]).filter(isPath)),
    listed: new Set(paths.filter(isPath)),
  };
}

/** The states of the package's files as rpm's database has them where documentation is left out. */
export function statesWithoutDocumentation(header: RpmHeader): Uint8Array {
  return Uint8Array.from(withoutDocumentation(header), (isOut) => (isOut ? STATE_NOT_INSTALLED : 0));
}

/** Whether rpm leaves it out, for each file; licences stay. A directory goes with all that the package has in it. */
function withoutDocumentation(header: RpmHeader): boolean[] {
  const isOut = getNumbers(header, TAG.FILEFLAGS).map(isDocumentation);
  if (!isOut.includes(true)) return isOut;
  const paths = filePaths(header);
  const within = Map.groupBy(paths.keys(), (at) => (paths[at] ?? '').replace(/\/[^/]*$/, ''));
  // From the deepest on: what lies below a directory has a longer path.
  const directories = [...paths.keys()].sort((a, b) => (paths[b] ?? '').length - (paths[a] ?? '').length);
  for (const at of directories) if (within.get(paths[at] ?? '')?.every((one) => isOut[one])) isOut[at] = true;
  return isOut;
}

function isDocumentation(flags: number): boolean {
  return (flags & FILE.DOC) !== 0 && (flags & FILE.LICENSE) === 0;
}

/** null where it says nothing, or is none. */
function documentationOf(treefile: string): boolean | null {
  try {
    const value = (JSON.parse(treefile) as { readonly documentation?: unknown } | null)?.documentation;
    return typeof value === 'boolean' ? value : null;
  } catch {
    return null;
  }
}
