/** Single paths of /etc that outlive a reset to the defaults. */
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { copyDirectoryAttributes, copyNode } from '#ostree/sysroot/copy-file.ts';
import { makeDirectory } from '#ostree/sysroot/write-file.ts';

/**
 * A path below /etc as the user names it, with or without `/etc/` before it.
 * @throws UserError USAGE where it leads elsewhere
 */
export function etcPath(text: string): string {
  const below = text.startsWith('/etc/') ? text.slice('/etc/'.length) : text;
  const names = below.split('/').filter((name) => name !== '');
  if (names.length > 0 && !below.startsWith('/') && !names.includes('..') && !names.includes('.'))
    return names.join('/');
  throw new UserError('USAGE', `'${text}' is not a path below /etc`);
}

/**
 * Copies `etc/PATH` of one deployment over that of another, which is not in use yet.
 * @throws UserError NO_FILE, ETC_CONFLICT
 */
export function keepEtc(sys: Syscalls, from: Fd, to: Fd, path: string): void {
  const whole = `etc/${path}`;
  if (sys.lstat(from, whole) === null) throw new UserError('NO_FILE', `there is no /etc/${path} to keep`);
  const names = whole.split('/');
  for (let depth = 2; depth < names.length; depth++) {
    const parent = names.slice(0, depth).join('/');
    const [ours, theirs] = [sys.lstat(from, parent), sys.lstat(to, parent)];
    if (!isDirectory(ours?.mode) || (theirs !== null && !isDirectory(theirs.mode)))
      throw new UserError('ETC_CONFLICT', `/${parent} is no directory in both, so /${whole} cannot be kept`);
    makeDirectory(sys, to, parent, 0o700);
    copyDirectoryAttributes(sys, { dir: from, path: parent }, { dir: to, path: parent });
  }
  sys.removeTree(to, whole);
  copyNode(sys, { dir: from, path: whole }, { dir: to, path: whole });
}

function isDirectory(mode: number | undefined): boolean {
  return mode !== undefined && (mode & S.IFMT) === S.IFDIR;
}
