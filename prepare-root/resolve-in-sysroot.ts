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
    }
  /** `reason` is the system's word for it: 'No such file or directory'. */
  | { readonly kind: 'failed'; readonly reason: string };

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
  let at: Place = { names: [], stat: lookUp(sys, sysroot, []) };
  let rest = components(path);
  let links = 0;
  while (rest.length > 0) {
    if (typeof at.stat === 'string') return failed(at.stat);
    if (kindOf(at.stat) !== S.IFDIR) return failed('Not a directory');
    const next = step(sys, sysroot, at, rest[0] ?? '');
    rest = rest.slice(1);
    if (typeof next.stat === 'string' || kindOf(next.stat) !== S.IFLNK) at = next;
    else if (rest.length === 0 && lastLink === 'itself') at = next;
    else {
      const text = sys.readlink(AT_FDCWD, fullPath(sysroot, next.names)) ?? '';
      rest = [...components(text), ...rest];
      if (++links > MOST_LINKS) return failed('Too many levels of symbolic links');
      if (rest.length > MOST_COMPONENTS) return failed('File name too long');
      if (text.startsWith('/')) at = { names: [], stat: lookUp(sys, sysroot, []) };
    }
  }
  if (typeof at.stat === 'string') return failed(at.stat);
  return { kind: 'found', path: at.names.map((name) => `/${name}`).join(''), stat: at.stat };
}

interface Place {
  /** Below the physical root. */
  readonly names: readonly string[];
  /** Or why there is none. */
  readonly stat: Stat | string;
}

function step(sys: Syscalls, sysroot: string, from: Place, name: string): Place {
  if (name === '.') return from;
  const names = name === '..' ? from.names.slice(0, -1) : [...from.names, name];
  return { names, stat: lookUp(sys, sysroot, names) };
}

function fullPath(sysroot: string, names: readonly string[]): string {
  if (names.length === 0) return sysroot;
  return (sysroot === '/' ? '' : sysroot) + names.map((name) => `/${name}`).join('');
}

/** A slash at the end follows a link, as '.' does. */
function components(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return path.endsWith('/') ? [...names, '.'] : names;
}

function lookUp(sys: Syscalls, sysroot: string, names: readonly string[]): Stat | string {
  try {
    return sys.lstat(AT_FDCWD, fullPath(sysroot, names)) ?? 'No such file or directory';
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return reasonOf(error);
  }
}

function kindOf(stat: Stat): number {
  return stat.mode & S.IFMT;
}

function failed(reason: string): Resolution {
  return { kind: 'failed', reason };
}
