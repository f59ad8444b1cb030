/** The last steps of a deployment, which a staged one takes at shutdown. */
import type { Fd } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { mergeEtc } from '#ostree/sysroot/apply-etc.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { EtcDiff } from '#ostree/sysroot/merge-etc.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

export interface EtcRequest {
  /** Whose changes of /etc are carried over. */
  readonly merge: Deployment | null;
  /** Told what is carried over. */
  onEtcMerge?(diff: EtcDiff): void;
}

/**
 * What a staged deployment lacks to be one: the merge of /etc and the immutable flag. A crash leaves it half merged:
 * nothing refers to it, and the next cleanup removes it.
 * @throws UserError ETC_CONFLICT
 */
export function finishStaged(sysroot: Sysroot, staged: Deployment, request: EtcRequest): void {
  const { sys, fd } = sysroot;
  const farm = sys.open(fd, deploymentPath(staged), ['read', 'directory', 'nofollow']);
  try {
    carryEtc(sysroot, request, farm);
    setImmutable(sysroot, farm);
  } finally {
    sys.close(farm);
  }
}

/** Merges the changes of /etc into the deployment open at `farm`. @throws UserError ETC_CONFLICT */
export function carryEtc({ sys, fd }: Sysroot, request: EtcRequest, farm: Fd): void {
  if (request.merge !== null) {
    const merge = sys.open(fd, deploymentPath(request.merge), ['read', 'directory', 'nofollow']);
    try {
      const diff = mergeEtc(sys, merge, farm);
      request.onEtcMerge?.(diff);
    } finally {
      sys.close(merge);
    }
  }
  unlinkIfPresent(sys, farm, 'etc/.updated');
}

/** Protects against a stray `rm -rf` only; without the privilege, or on a file system without flags, it is left out. */
export function setImmutable({ sys, options }: Sysroot, farm: Fd): void {
  if (options.debug.includes('mutable-deployments')) return;
  try {
    sys.setImmutable(farm, true);
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (!['EPERM', 'EACCES', 'ENOTTY', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'].includes(code)) throw error;
  }
}
