/** What `apply-live` does to make what runs another tree's, decided on what is there. Pure. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';

/** What a tree has at a path. */
export type LiveEntry =
  | { readonly kind: 'file'; readonly checksum: Checksum }
  | { readonly kind: 'directory'; readonly meta: Checksum };

/** What is there. */
export type LivePresence =
  | 'nothing'
  /** What the old tree has. */
  | 'before'
  /** What the new tree has. */
  | 'after'
  /** What somebody else put there. */
  | 'other'
  /** Nothing: somebody removed what the old tree has there, or a directory on the way. */
  | 'gone'
  /**
   * Something that is no directory is on the way, and not of the old tree: a link would lead elsewhere. Or a directory is
   * there, with what somebody else put into it, where a file is to come.
   */
  | 'blocked';

/** A path at which the tree that runs and the one to come differ. */
export interface LivePath {
  /** Below the root, without a leading slash: `usr/…` or `etc/…`. */
  readonly path: string;
  /** null where the new tree has nothing there. */
  readonly after: LiveEntry | null;
  readonly present: LivePresence;
  readonly isDirectory: boolean;
  /** NEVRAs of the packages that brought what the old tree has there. */
  readonly owners: readonly string[];
}

export type LiveStep =
  | { readonly op: 'remove'; readonly path: string; readonly isDirectory: boolean }
  | { readonly op: 'directory'; readonly path: string; readonly meta: Checksum }
  | { readonly op: 'file'; readonly path: string; readonly checksum: Checksum }
  /** Lines that passwd(5) or a file like it lacks. */
  | { readonly op: 'entries'; readonly path: string; readonly lines: readonly string[] };

/** Paths are absolute. */
export interface LivePlan {
  readonly steps: readonly LiveStep[];
  readonly added: readonly string[];
  readonly replaced: readonly string[];
  readonly removed: readonly string[];
  /** Of `replaced` and `removed` those that a package brought. */
  readonly ofPackages: readonly { readonly path: string; readonly owners: readonly string[] }[];
  /** What is there already, of an interrupted run. */
  readonly present: readonly string[];
  /** What was put there, changed or removed since and is not what either tree has. */
  readonly others: readonly string[];
  /** Of `others` those that are never written. */
  readonly blocked: readonly string[];
  /** What somebody removed, whether the new tree has something there or not; and stays away. */
  readonly gone: readonly string[];
}

/** @param overwrite what somebody else put there, or removed, is replaced, too */
export function planLive(paths: readonly LivePath[], overwrite: boolean): LivePlan {
  const todo = paths.filter((one) => isToDo(one, overwrite));
  const touched = todo.filter(isThere);
  return {
    steps: stepsOf(todo),
    added: absolute(todo.filter((one) => !isThere(one))),
    replaced: absolute(touched.filter(({ after }) => after !== null)),
    removed: absolute(touched.filter(({ after }) => after === null)),
    ofPackages: touched
      .filter(({ owners }) => owners.length > 0)
      .map(({ path, owners }) => ({ path: `/${path}`, owners })),
    present: absolute(paths.filter(({ present }) => present === 'after')),
    others: absolute(paths.filter(isOfOthers)),
    blocked: absolute(paths.filter((one) => one.present === 'blocked' && isOfOthers(one))),
    gone: absolute(paths.filter((one) => one.present === 'gone' && !todo.includes(one))),
  };
}

function isToDo(one: LivePath, overwrite: boolean): boolean {
  if (one.present === 'after' || one.present === 'blocked') return false;
  return isOfOthers(one) ? overwrite : isThere(one) || (one.present === 'nothing' && one.after !== null);
}

/** Where nothing is to come, nothing that is missing is of interest. */
function isOfOthers({ present, after }: LivePath): boolean {
  return present === 'other' || ((present === 'gone' || present === 'blocked') && after !== null);
}

function isThere({ present }: LivePath): boolean {
  return present === 'before' || present === 'after' || present === 'other';
}

/** Removals first, from the inside out; then what is new, parents before their entries. */
function stepsOf(paths: readonly LivePath[]): LiveStep[] {
  const sorted = [...paths].sort((a, b) => compareBytewise(a.path, b.path));
  const removals = sorted
    .filter((one) => isThere(one) && !keepsKind(one))
    .map(({ path, isDirectory }): LiveStep => ({ op: 'remove', path, isDirectory }));
  return [...removals.reverse(), ...sorted.flatMap(({ path, after }) => madeBy(path, after))];
}

function keepsKind({ after, isDirectory }: LivePath): boolean {
  return after !== null && (after.kind === 'directory') === isDirectory;
}

function madeBy(path: string, after: LiveEntry | null): LiveStep[] {
  if (after === null) return [];
  return after.kind === 'file'
    ? [{ op: 'file', path, checksum: after.checksum }]
    : [{ op: 'directory', path, meta: after.meta }];
}

function absolute(paths: readonly LivePath[]): string[] {
  return paths.map(({ path }) => `/${path}`).sort(compareBytewise);
}

/** Where a file is written before it is renamed. */
export function temporaryOf(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}.yum-ostree-live`;
}
