/** Where a package's files go in a tree: the layout of OSTree systems, decided path by path. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { S } from '#native/syscalls.ts';
import { isGhost, type RpmFileEntry } from '#layering/rpm-file-list.ts';
import { printable } from '#layering/rpm-header.ts';
import { fitsTmpfiles, type TmpfilesLine } from '#layering/tmpfiles-lines.ts';

export type Placement =
  | { readonly kind: 'tree'; readonly path: string }
  /** Made at boot by systemd-tmpfiles; a regular file's content waits at `factory`. */
  | { readonly kind: 'tmpfiles'; readonly line: TmpfilesLine; readonly factory: string | null }
  /** Nothing is kept of it: the tree has it anyway, or has its own. */
  | { readonly kind: 'drop' };

export interface ImportPlan {
  /** For each file of the header, in its order. */
  readonly placements: readonly Placement[];
  readonly tmpfiles: readonly TmpfilesLine[];
}

const DROPPED: Placement = { kind: 'drop' };

type Rule =
  | { readonly to: 'tree'; readonly prefix: string }
  | { readonly to: 'tmpfiles' | 'drop' }
  /** To the tree below `prefix`, with a link at the old place to it. */
  | { readonly to: 'linked'; readonly prefix: string; readonly each: 'itself' | 'child' };

/** The first that the path equals or lies below decides. */
const RULES: readonly (readonly [from: string, rule: Rule])[] = [
  ['usr', { to: 'tree', prefix: 'usr' }],
  ['bin', { to: 'tree', prefix: 'usr/bin' }],
  ['sbin', { to: 'tree', prefix: 'usr/sbin' }],
  ['lib', { to: 'tree', prefix: 'usr/lib' }],
  ['lib32', { to: 'tree', prefix: 'usr/lib32' }],
  ['lib64', { to: 'tree', prefix: 'usr/lib64' }],
  ['libx32', { to: 'tree', prefix: 'usr/libx32' }],
  ['etc', { to: 'tree', prefix: 'usr/etc' }],
  ['boot', { to: 'tree', prefix: 'usr/lib/ostree-boot' }],
  ['opt', { to: 'linked', prefix: 'usr/lib/opt', each: 'child' }],
  ['var/lib/alternatives', { to: 'linked', prefix: 'usr/lib/alternatives', each: 'itself' }],
  ['var/lib/vagrant', { to: 'linked', prefix: 'usr/lib/vagrant', each: 'itself' }],
  ['var/lib/selinux/targeted', { to: 'tree', prefix: 'usr/etc/selinux/targeted' }],
  ['var/lib/selinux', { to: 'drop' }],
  ['var/lib/rpm', { to: 'drop' }],
  ['var', { to: 'tmpfiles' }],
  ['run', { to: 'tmpfiles' }],
];

/** Where `path` of a header lies in a tree (no leading slash); null where it is not in the tree, or nowhere allowed. */
export function treePathOf(path: string): string | null {
  const relative = path.replace(/^\/+/, '');
  const found = ruleOf(relative);
  if (found === null) return null;
  const { from, rule } = found;
  if (rule.to === 'tree' || rule.to === 'linked') return rule.prefix + relative.slice(from.length);
  return null;
}

/** How headers may spell a path of the tree: the inverse of `treePathOf`. */
export function headerPathsOf(path: string): string[] {
  const found = RULES.flatMap(([from, rule]) =>
    'prefix' in rule && path.startsWith(`${rule.prefix}/`)
      ? [`/${from}${path.slice(rule.prefix.length)}`]
      : [],
  );
  return found.filter((spelling) => treePathOf(spelling) === path);
}

/**
 * Where every file goes. @throws UserError BAD_PATH for a path that is none, PATH_NOT_ALLOWED and FILE_NOT_ALLOWED for
 * what such a system cannot hold; all name the package and the path, one with several names them all
 */
export function planImport(files: readonly RpmFileEntry[], nevra: string): ImportPlan {
  const problems = collectProblems();
  const placements = files.map((file) => problems.attempt(() => placementOf(file, nevra)) ?? DROPPED);
  problems.throwIfAny();
  const links = new Map<string, TmpfilesLine>();
  for (const file of files) {
    const link = isGhost(file) ? null : linkFor(file.path);
    if (link !== null) links.set(link.path, link);
  }
  const lines = placements.flatMap((placement) => (placement.kind === 'tmpfiles' ? [placement.line] : []));
  return { placements, tmpfiles: [...links.values(), ...lines] };
}

function placementOf(file: RpmFileEntry, nevra: string): Placement {
  const relative = checkedPath(file.path, nevra);
  // Ghosts are made by the program that owns them.
  if (relative === '' || isGhost(file)) return { kind: 'drop' };
  checkKind(file, nevra);
  const found = ruleOf(relative);
  if (found === null) return topLevel(file, nevra);
  const { from, rule } = found;
  switch (rule.to) {
    case 'tree':
      if (isMergedLink(file, relative) || isLockFile(from, relative)) return { kind: 'drop' };
      return inTree(file, { from, prefix: rule.prefix, nevra });
    case 'linked':
      checkNameable(file, nevra);
      return inTree(file, { from, prefix: rule.prefix, nevra });
    case 'drop':
      return { kind: 'drop' };
    case 'tmpfiles':
      return relative === from ? { kind: 'drop' } : tmpfilesPlacement(file, nevra);
    default:
      return rule satisfies never;
  }
}

function inTree(
  file: RpmFileEntry,
  place: { readonly from: string; readonly prefix: string; readonly nevra: string },
): Placement {
  const below = file.path.slice(1 + place.from.length);
  if (below === '' && (file.mode & S.IFMT) !== S.IFDIR)
    throw notAllowed(file, place.nevra, 'there it is a directory');
  return { kind: 'tree', path: place.prefix + below };
}

function ruleOf(relative: string): { readonly from: string; readonly rule: Rule } | null {
  const found = RULES.find(([from]) => relative === from || relative.startsWith(`${from}/`));
  return found === undefined ? null : { from: found[0], rule: found[1] };
}

/** Relative, '' for the root. */
function checkedPath(path: string, nevra: string): string {
  if (path === '/') return '';
  const components = path.slice(1).split('/');
  const bad = components.some((name) => name === '' || name === '.' || name === '..');
  if (!path.startsWith('/') || bad || path.length > 4096)
    throw new UserError(
      'BAD_PATH',
      `package ${nevra}: '${printable(path)}' is not an absolute path of a file`,
    );
  return components.join('/');
}

function checkKind(file: RpmFileEntry, nevra: string): void {
  const type = file.mode & S.IFMT;
  if (type === S.IFREG || type === S.IFDIR || type === S.IFLNK) return;
  const kinds: Readonly<Record<number, string>> = {
    [S.IFBLK]: 'block device',
    [S.IFCHR]: 'character device',
    [S.IFIFO]: 'named pipe',
    [S.IFSOCK]: 'socket',
  };
  throw new UserError(
    'FILE_NOT_ALLOWED',
    `package ${nevra}: '${printable(file.path)}' is a ${kinds[type] ?? 'file of an unknown kind'}, which no tree can hold`,
  );
}

/** The links that merge /bin and the like with /usr are every tree's own. */
function isMergedLink(file: RpmFileEntry, relative: string): boolean {
  if ((file.mode & S.IFMT) !== S.IFLNK || relative.includes('/')) return false;
  return file.linkto.replace(/^\/+/, '') === `usr/${relative}`;
}

function isLockFile(from: string, relative: string): boolean {
  return from === 'var/lib/selinux/targeted' && relative.endsWith('.LOCK');
}

/** Directories that every tree has at its top; what a package would put into others has no place. */
const TOP_LEVEL: ReadonlySet<string> = new Set(
  'dev home media mnt proc root srv sys sysroot tmp ostree'.split(' '),
);

function topLevel(file: RpmFileEntry, nevra: string): Placement {
  const isDirectory = (file.mode & S.IFMT) === S.IFDIR;
  if (isDirectory && TOP_LEVEL.has(file.path.slice(1))) return { kind: 'drop' };
  throw notAllowed(file, nevra, 'a tree has only /usr, /etc, /boot, /opt, /var and /run for packages');
}

/** PATH_NOT_ALLOWED, naming package and path. */
export function notAllowed(file: RpmFileEntry, nevra: string, why: string): UserError {
  return new UserError(
    'PATH_NOT_ALLOWED',
    `package ${nevra}: '${printable(file.path)}' cannot be part of a tree: ${why}`,
    {
      hint: 'the package has to be built for another prefix',
    },
  );
}

/** Where the content of a file below /var waits for systemd-tmpfiles. */
export function factoryPath(path: string): string {
  return `usr/share/factory${path}`;
}

function tmpfilesPlacement(file: RpmFileEntry, nevra: string): Placement {
  const { path } = file;
  checkNameable(file, nevra);
  switch (file.mode & S.IFMT) {
    case S.IFDIR:
      return { kind: 'tmpfiles', line: ownedLine('d', file), factory: null };
    case S.IFLNK:
      if (!fitsTmpfiles(file.linkto) || /^\s|\s$/.test(file.linkto))
        throw notAllowed(file, nevra, 'no line of tmpfiles.d can name the target of this link');
      return { kind: 'tmpfiles', line: { type: 'L', path, target: file.linkto }, factory: null };
    default:
      return { kind: 'tmpfiles', line: ownedLine('C', file), factory: factoryPath(path) };
  }
}

function checkNameable(file: RpmFileEntry, nevra: string): void {
  if ([file.path, file.uidName, file.gidName].every(fitsTmpfiles)) return;
  throw notAllowed(file, nevra, 'no line of tmpfiles.d can name it or its owner');
}

function ownedLine(type: 'd' | 'C', file: RpmFileEntry): TmpfilesLine {
  return { type, path: file.path, mode: file.mode & 0o7777, user: file.uidName, group: file.gidName };
}

/** The link at the place that a relocated file would have had. */
function linkFor(path: string): (TmpfilesLine & { readonly type: 'L' }) | null {
  const relative = path.replace(/^\/+/, '');
  const found = ruleOf(relative);
  if (found?.rule.to !== 'linked') return null;
  const { from, rule } = found;
  const [child] = relative.slice(from.length + 1).split('/');
  if (rule.each === 'child' && (child === undefined || child === '')) return null;
  const name = rule.each === 'child' ? `/${child ?? ''}` : '';
  // Both /opt (which is /var/opt) and /var/lib lie two directories below the root.
  return { type: 'L', path: `/${from}${name}`, target: `../../${rule.prefix}${name}` };
}
