/** `admin post-copy`: what a copy of a sysroot, file by file, loses. */
import type { Fd } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { wantsVerity } from '#ostree/repo/settings.ts';
import { parseDeploymentName } from '#ostree/sysroot/deployment.ts';
import { staterootsOf } from '#ostree/sysroot/cleanup.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

const COMPOSEFS_IMAGE = '.ostree.cfs';

/**
 * Gives the objects of the repository and the composefs images of all deployment directories fs-verity again, where the
 * repository wants it. A file that has it is left as it is: after a crash the next call goes on.
 * @throws UserError NO_VERITY where the repository requires it and the file system has none
 */
export function updatePostCopy(sysroot: Sysroot): void {
  const wanted = wantsVerity(sysroot.repo);
  if (wanted === 'no') return;
  const { sys, fd, repo } = sysroot;
  const groups: readonly (readonly [Fd, readonly string[]])[] = [
    [repo.objectsFd, looseObjects(sysroot)],
    [fd, composefsImages(sysroot)],
  ];
  for (const [dir, files] of groups) {
    const refused = files.find((file) => !enableVerity(sys, dir, file));
    if (refused !== undefined && wanted === 'yes')
      throw new UserError('NO_VERITY', 'fsverity required but filesystem does not support it', {
        hint: "on ext4 'tune2fs -O verity DEVICE' adds it; ex-integrity.fsverity=maybe does without",
      });
  }
}

/** False where the file system has no fs-verity. */
function enableVerity(sys: Sysroot['sys'], dir: Fd, path: string): boolean {
  const file = sys.open(dir, path, ['read', 'nofollow']);
  try {
    return during(path, () => sys.enableVerity(file));
  } finally {
    sys.close(file);
  }
}

/** Regular files alone: a symbolic link has no content to protect. */
function looseObjects({ sys, repo }: Sysroot): string[] {
  return sys
    .readdir(repo.objectsFd, '.')
    .filter(({ name, kind }) => kind === 'directory' && name.length === 2)
    .flatMap((directory) =>
      sys
        .readdir(repo.objectsFd, directory.name)
        .filter(({ kind }) => kind === 'file')
        .map(({ name }) => `${directory.name}/${name}`),
    );
}

function composefsImages(sysroot: Sysroot): string[] {
  const { sys, fd } = sysroot;
  return staterootsOf(sysroot)
    .map((stateroot) => `ostree/deploy/${stateroot}/deploy`)
    .filter((directory) => sys.stat(fd, directory) !== null)
    .flatMap((directory) =>
      sys
        .readdir(fd, directory)
        .filter(({ name }) => parseDeploymentName(name) !== null)
        .map(({ name }) => `${directory}/${name}/${COMPOSEFS_IMAGE}`),
    )
    .filter((image) => sys.lstat(fd, image) !== null);
}
