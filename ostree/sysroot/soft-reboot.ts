/** A soft reboot that was prepared, and is no longer what the machine should do next. */
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { findSoftRebootTarget, NEXT_BOOTED_FILE } from '#ostree/sysroot/booted.ts';
import { isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

const NEXT_ROOT = '/run/nextroot';

/**
 * Before a list is written: takes the preparation back where its deployment goes, or another one comes first than did. A
 * `systemctl reboot` would otherwise go on in the one that was prepared. @throws UserError SOFT_REBOOT
 */
export function keepOrClearSoftReboot(
  { sys, fd, booted, deployments }: Sysroot,
  list: readonly Deployment[],
): void {
  if (booted === null || sys.lstat(AT_FDCWD, NEXT_BOOTED_FILE) === null) return;
  const target = findSoftRebootTarget(sys, fd, deployments);
  const isTarget = (one: Deployment | undefined): boolean =>
    target !== null && one !== undefined && isSameDeployment(one, target);
  const [before, after] = [deployments[0], list[0]];
  const isSameFirst = before !== undefined && after !== undefined && isSameDeployment(before, after);
  if (!list.some(isTarget) || !(isSameFirst || isTarget(after))) clearSoftReboot(sys);
}

/** Of the running machine; there may be nothing. @throws UserError SOFT_REBOOT */
export function clearSoftReboot(sys: Syscalls): void {
  if (sys.lstat(AT_FDCWD, NEXT_BOOTED_FILE) === null) return;
  // It is mounted for all; this process may have mounts of its own.
  const unmount = ['umount', '--recursive', NEXT_ROOT];
  const argv = ['nsenter', '--target', '1', '--mount', '--root', ...unmount];
  const code = sys.spawn('nsenter', argv, ['PATH=/usr/sbin:/usr/bin:/sbin:/bin']);
  if (code !== 0)
    throw new UserError('SOFT_REBOOT', `'${argv.join(' ')}' failed (${code ?? 'not found'})`, {
      hint: "'ostree admin prepare-soft-reboot --reset' takes back what was prepared",
    });
  sys.unlink(AT_FDCWD, NEXT_BOOTED_FILE);
}
