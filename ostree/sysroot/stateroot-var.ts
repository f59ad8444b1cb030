/** The stateroot's /var at a deploy: filled once from the tree, and never overwritten. */
import type { Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { checkoutTree } from '#ostree/repo/checkout.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectory, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

/** What a tree without tmpfiles.d expects to find. */
const LEGACY_DIRECTORIES: readonly (readonly [name: string, mode: number])[] = [
  ['tmp', 0o1777],
  ['lib', 0o755],
  ['log', 0o755],
];
const LEGACY_LINKS: readonly (readonly [name: string, target: string])[] = [
  ['lock', '../run/lock'],
  ['run', '../run'],
];

/** Copies the tree's /var into one that is completely empty; what a crash leaves of it stays, as local state would. */
export function initVar(
  { sys, fd, repo }: Sysroot,
  tree: { readonly stateroot: string; readonly checksum: Checksum },
  farm: Fd,
): void {
  const path = `ostree/deploy/${tree.stateroot}/var`;
  makeDirectory(sys, fd, path);
  const holdsState = sys.readdir(fd, path).length > 0;
  const hasContent = sys.lstat(farm, 'var') !== null && sys.readdir(farm, 'var').length > 0;
  const content = !holdsState && hasContent ? subtree(repo, tree.checksum, 'var') : null;
  if (content !== null)
    checkoutTree(repo, content, { dir: fd, name: path }, { forceCopy: true, overwrite: 'union' });
  if (sys.stat(farm, 'usr/lib/tmpfiles.d') === null) makeLegacy(sys, fd, path);
  unlinkIfPresent(sys, fd, `${path}/.updated`);
}

function makeLegacy(sys: Sysroot['sys'], fd: Fd, path: string): void {
  for (const [name, mode] of LEGACY_DIRECTORIES) {
    if (sys.lstat(fd, `${path}/${name}`) !== null) continue;
    sys.mkdir(fd, `${path}/${name}`, mode);
    sys.chmod(fd, `${path}/${name}`, mode);
  }
  for (const [name, target] of LEGACY_LINKS)
    if (sys.lstat(fd, `${path}/${name}`) === null) sys.symlink(target, fd, `${path}/${name}`);
}
