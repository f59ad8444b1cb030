/** A physical root of a few names, described by text: for what reads links and names only. */
import { S, type DirectoryEntry, type Stat, type Syscalls } from '#native/syscalls.ts';

export const FAKE_SYSROOT = '/sysroot';

/** `/path/` a directory, `/path > text` a link, `/path` a file: one a line; the directories above are there too. */
export function fakeSysroot(lines: readonly string[]): Syscalls {
  const nodes = new Map<string, string | null>([['', null]]);
  for (const line of lines) {
    const arrow = line.indexOf(' > ');
    const names = (arrow < 0 ? line : line.slice(0, arrow)).split('/').filter((name) => name !== '');
    for (let depth = 1; depth < names.length; depth++) add(nodes, names.slice(0, depth), null);
    if (names.length > 0)
      add(nodes, names, arrow >= 0 ? line.slice(arrow + 3) : line.endsWith('/') ? null : '');
  }
  const calls: Partial<Syscalls> = {
    lstat: (_, path) => statOf(nodes, path),
    readlink: (_, path) => nodes.get(below(path)) ?? null,
    readdir: (_, path) => entriesOf(nodes, below(path)),
    readText: () => '',
  };
  return calls as Syscalls;
}

/** A directory is null, a file '', a link its text. */
type Nodes = Map<string, string | null>;

function add(nodes: Nodes, names: readonly string[], what: string | null): void {
  const path = names.map((name) => `/${name}`).join('');
  if (!nodes.has(path)) nodes.set(path, what);
}

/** Fails for a path that leads out: the kernel would follow it. */
function below(path: string): string {
  const names = path.split('/');
  const inside = path === FAKE_SYSROOT || path.startsWith(`${FAKE_SYSROOT}/`);
  if (!inside || names.includes('..')) throw new Error(`looked outside of the sysroot, at ${path}`);
  return names
    .slice(2)
    .map((name) => `/${name}`)
    .join('');
}

function statOf(nodes: Nodes, path: string): Stat | null {
  const name = below(path);
  if (!nodes.has(name)) return null;
  const node = nodes.get(name);
  const mode = node === null ? S.IFDIR | 0o755 : node === '' ? S.IFREG | 0o644 : S.IFLNK | 0o777;
  const size = node?.length ?? 0;
  return { mode, uid: 0, gid: 0, size, dev: 1, ino: 1, nlink: 1, rdev: 0, mtime: 0, mtimeNsec: 0 };
}

function entriesOf(nodes: Nodes, directory: string): DirectoryEntry[] {
  return [...nodes.keys()]
    .filter((path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes('/'))
    .map((path) => ({ name: path.slice(directory.length + 1), kind: 'other' }));
}
