/** `admin state-overlay`: a directory of the tree that takes local state, too: an overlay whose layer is in /var. */
import { AT_FDCWD, S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { openOverlay } from '#ostree/sysroot/overlay.ts';
import { makeDirectories } from '#ostree/sysroot/write-file.ts';

const LAYERS = '/var/ostree/state-overlays';
/** On the layer: the commit that it lay over. */
const COMMIT_XATTR = 'user.ostree.deploymentcsum';
const OPAQUE_XATTR = 'trusted.overlay.opaque';

export interface StateOverlay {
  readonly name: string;
  /** The directory that is covered. */
  readonly path: string;
}

/**
 * Mounts the overlay. Where the machine runs another commit than when it last did, all in the layer that hides a file
 * of the tree goes; what the tree has no file for is state, and stays. A crash in the middle of that leaves the old
 * mark on the layer: the next boot does it again.
 * @throws UserError BAD_PATH for a name that is no file name; errors of the kernel for a path that is no directory
 */
export function mountStateOverlay(
  sys: Syscalls,
  { name, path }: StateOverlay,
  { checksum }: Pick<Deployment, 'checksum'>,
): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/'))
    throw new UserError(
      'BAD_PATH',
      `'${name}' cannot name a state overlay: it names a directory in ${LAYERS}`,
    );
  const layer = `${LAYERS}/${name}`;
  const lower = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    for (const directory of [layer, `${layer}/work`, `${layer}/upper`])
      makeDirectories(sys, AT_FDCWD, directory, 0o700);
    renewLayer(sys, { name, layer, lower }, checksum);
  } finally {
    sys.close(lower);
  }
  const layers = { lower: path, upper: `${layer}/upper`, work: `${layer}/work` };
  const overlay = openOverlay(sys, layers, { isReadOnly: false });
  try {
    sys.moveMount(overlay, path);
  } finally {
    sys.close(overlay);
  }
}

interface Layer {
  readonly name: string;
  readonly layer: string;
  /** The directory of the tree. */
  readonly lower: Fd;
}

function renewLayer(sys: Syscalls, { name, layer, lower }: Layer, checksum: string): void {
  const upper = sys.open(AT_FDCWD, `${layer}/upper`, ['read', 'directory']);
  try {
    const mark = sys.fgetXattr(upper, COMMIT_XATTR);
    if (mark !== null && utf8Text(mark) === checksum) return;
    during(`Pruning upperdir for ${name}`, () => removeShadows(sys, { lower, upper, path: '.' }));
    // The mark must not get to the disk before what it stands for.
    sys.syncfs(upper);
    sys.setXattr(AT_FDCWD, `${layer}/upper`, COMMIT_XATTR, utf8Bytes(checksum));
  } finally {
    sys.close(upper);
  }
}

interface Pair {
  readonly lower: Fd;
  readonly upper: Fd;
  /** Below both. */
  readonly path: string;
}

/** Directories of both are one: what is in them counts. Whiteouts and opaque directories hide. */
function removeShadows(sys: Syscalls, { lower, upper, path }: Pair): void {
  for (const { name, kind } of sys.readdir(upper, path)) {
    const below = `${path}/${name}`;
    const hidden = sys.lstat(lower, below);
    if (hidden === null) continue;
    const areDirectories = kind === 'directory' && (hidden.mode & S.IFMT) === S.IFDIR;
    if (areDirectories && !isOpaque(sys, upper, below)) removeShadows(sys, { lower, upper, path: below });
    else sys.removeTree(upper, below);
  }
}

function isOpaque(sys: Syscalls, dir: Fd, path: string): boolean {
  return sys
    .xattrs(dir, path)
    .some(({ name, value }) => name === OPAQUE_XATTR && value.length === 1 && value[0] === 0x79);
}
