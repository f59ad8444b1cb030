/** Origin files: where a deployment came from, beside its directory. */
import { EMPTY_KEYFILE, formatKeyFile, withKey, withoutGroup, type KeyFile } from '#ostree/format/keyfile.ts';
import { originPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { labelLikeFile } from '#ostree/sysroot/follow-label.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';

const ORIGIN = '.origin';

/** An origin that follows `refspec`. */
export function refspecOrigin(refspec: string): KeyFile {
  return withKey(EMPTY_KEYFILE, 'origin', 'refspec', refspec);
}

/** The origin of another deployment of the same commit: without what belongs to that one alone. */
export function copiedOrigin(origin: KeyFile | null): KeyFile {
  const kept = withoutGroup(origin ?? EMPTY_KEYFILE, 'libostree-transient');
  return withKey(kept, 'origin', 'unlocked', null);
}

/**
 * Replaces an origin file, which has the label of its deployment's configuration. Durable with the next sync of the file
 * system; a crash leaves the old or the new one.
 */
export function writeOrigin({ sys, fd }: Pick<Sysroot, 'sys' | 'fd'>, path: string, origin: KeyFile): void {
  replaceFile(sys, fd, { path, text: formatKeyFile(origin) });
  labelLikeFile(sys, fd, { path, like: `${path.slice(0, -ORIGIN.length)}/etc` });
}

/** Replaces the origin of a deployment and syncs it. */
export function updateOrigin(sysroot: Sysroot, deployment: Deployment, origin: KeyFile): void {
  writeOrigin(sysroot, originPath(deployment), origin);
  sysroot.sys.syncfs(sysroot.repo.fd);
}

/** Keeps a deployment from being replaced, or no longer. */
export function setPinned(sysroot: Sysroot, deployment: Deployment, pinned: boolean): void {
  const origin = deployment.origin ?? EMPTY_KEYFILE;
  const value = pinned ? true : null;
  updateOrigin(sysroot, deployment, withKey(origin, 'libostree-transient', 'pinned', value));
}
