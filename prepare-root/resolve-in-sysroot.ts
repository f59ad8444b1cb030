/** Paths of a physical root, resolved as if it were the root: `..` and absolute links never lead out of it. */
import { reasonOf } from '#prepare-root/reason.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { AT_FDCWD, S, type Stat, type Syscalls } from '#native/syscalls.ts';

export type Resolution =
  | {
      readonly kind: 'found';
      /** Without symlinks, relative to the physical root, with a leading slash; '' for the physical root itself. */
      readonly path: string;
      readonly stat: Stat;
      /** The directory that it is in. */
      readonly parent: Place;
    }
  /** `reason` is the system's word for it: 'No such file or directory'. */
  | { readonly kind: 'failed'; readonly reason: string };

/** What was looked at on the way. */
export interface Place {
  /** As in `Resolution`. */
  readonly path: string;
  /** Or why there is none. */
  readonly stat: Stat | string;
  /** null for the physical root. */
  readonly parent: Place | null;
}

/** As the kernel: more are taken for a loop. */
const MOST_LINKS = 40;
const MOST_COMPONENTS = 4096;

/**
 * @param sysroot without symlinks; '/' for the root itself
 * @param lastLink what a link at the end is: the thing itself, or followed (also where a slash comes after it)
 */
export function resolveInSysroot(
  sys: Syscalls,
  sysroot: string,
  path: string,
  lastLink: 'itself' | 'followed' = 'followed',
): Resolution {
  const way = { sys, sysroot };
  return walk(way, lookUp(way, '', null), { rest: components(path), lastLink });
}

/** Where a link leads that was found as 'itself'. */
export function followInSysroot(
  sys: Syscalls,
  sysroot: string,
  { path, parent }: Resolution & { readonly kind: 'found' },
): Resolution {
  const text = sys.readlink(AT_FDCWD, fullPath(sysroot, path)) ?? '';
  const way = { sys, sysroot };
  return walk(way, startOf(way, text, parent), { rest: components(text), lastLink: 'followed' });
}

interface Way {
  readonly sys: Syscalls;
  readonly sysroot: string;
}

function walk(
  way: Way,
  start: Place,
  { rest, lastLink }: { rest: readonly string[]; lastLink: 'itself' | 'followed' },
): Resolution {
  let at = start;
  let links = 0;
  // The next one last: the compact program does not give memory back, and a copy for each of thousands would be all there is.
  const ahead = rest.toReversed();
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (typeof at.stat === 'string') return failed(at.stat);
    if (kindOf(at.stat) !== S.IFDIR) return failed('Not a directory');
    const next = step(way, at, name);
    if (typeof next.stat === 'string' || kindOf(next.stat) !== S.IFLNK) at = next;
    else if (ahead.length === 0 && lastLink === 'itself') at = next;
    else {
      const text = way.sys.readlink(AT_FDCWD, fullPath(way.sysroot, next.path)) ?? '';
      ahead.push(...components(text).toReversed());
      if (++links > MOST_LINKS) return failed('Too many levels of symbolic links');
      if (ahead.length > MOST_COMPONENTS) return failed('File name too long');
      at = startOf(way, text, at);
    }
  }
  if (typeof at.stat === 'string') return failed(at.stat);
  return { kind: 'found', path: at.path, stat: at.stat, parent: at.parent ?? at };
}

/** From where the text of a link is to be read: the directory that the link is in, or the top. */
function startOf(way: Way, text: string, directory: Place): Place {
  return text.startsWith('/') ? lookUp(way, '', null) : directory;
}

function step(way: Way, from: Place, name: string): Place {
  if (name === '.') return from;
  if (name === '..') return from.parent ?? from;
  return lookUp(way, `${from.path}/${name}`, from);
}

function fullPath(sysroot: string, path: string): string {
  if (path === '') return sysroot;
  return sysroot === '/' ? path : sysroot + path;
}

/** A slash at the end follows a link, as '.' does. */
function components(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return path.endsWith('/') ? [...names, '.'] : names;
}

function lookUp({ sys, sysroot }: Way, path: string, parent: Place | null): Place {
  try {
    const stat = sys.lstat(AT_FDCWD, fullPath(sysroot, path)) ?? 'No such file or directory';
    return { path, stat, parent };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { path, stat: reasonOf(error), parent };
  }
}

function kindOf(stat: Stat): number {
  return stat.mode & S.IFMT;
}

function failed(reason: string): Resolution {
  return { kind: 'failed', reason };
}
