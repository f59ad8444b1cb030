/** What `apply-live` does to make what runs another tree's, decided on what is there. Pure. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';

/** What a tree has at a path. */
export type LiveEntry =
  | { readonly kind: 'file'; readonly checksum: Checksum }
  | { readonly kind: 'directory'; readonly meta: Checksum };

/** A path at which the tree that runs and the one to come differ. */
export interface LivePath {
  /** Below the root, without a leading slash: `usr/…` or `etc/…`. */
  readonly path: string;
  /** null where the new tree has nothing there. */
  readonly after: LiveEntry | null;
  /** What is there: nothing, what the old tree has, what the new one has, or what somebody else put there. */
  readonly present: 'nothing' | 'before' | 'after' | 'other';
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
  /** What was put there or changed since and is not what either tree has. */
  readonly others: readonly string[];
}

/** @param overwrite what somebody else put there is replaced, too */
export function planLive(paths: readonly LivePath[], overwrite: boolean): LivePlan {
  const others = paths.filter(({ present }) => present === 'other');
  const todo = paths.filter(
    (one) => one.present !== 'after' && (one.present !== 'other' || overwrite) && !isDone(one),
  );
  const touched = todo.filter(({ present }) => present !== 'nothing');
  return {
    steps: stepsOf(todo),
    added: absolute(todo.filter(({ present }) => present === 'nothing')),
    replaced: absolute(touched.filter(({ after }) => after !== null)),
    removed: absolute(touched.filter(({ after }) => after === null)),
    ofPackages: touched
      .filter(({ owners }) => owners.length > 0)
      .map(({ path, owners }) => ({ path: `/${path}`, owners })),
    present: absolute(paths.filter(({ present }) => present === 'after')),
    others: absolute(others),
  };
}

function isDone({ present, after }: LivePath): boolean {
  return present === 'nothing' && after === null;
}

/** Removals first, from the inside out; then what is new, parents before their entries. */
function stepsOf(paths: readonly LivePath[]): LiveStep[] {
  const sorted = [...paths].sort((a, b) => compareBytewise(a.path, b.path));
  const removals = sorted
    .filter((one) => one.present !== 'nothing' && !keepsKind(one))
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
