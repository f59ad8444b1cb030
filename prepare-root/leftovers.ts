/** What a run that was killed left, or one that had succeeded: undone, so that the next one starts from the same facts. */
import type { MountLine } from '#ostree/format/mount-table.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';
import { WORK_ROOT } from '#prepare-root/plan.ts';
import { IMAGE_MOUNT } from '#prepare-root/root-steps.ts';

/** `sysroot` is without symlinks. Nothing to do: no steps. */
export function planReset(mounts: readonly MountLine[], sysroot: string): readonly MountOp[] {
  if (topMount(mounts, `${sysroot}/sysroot`) !== null && isDeployment(topMount(mounts, sysroot)))
    return [{ op: 'propagation', path: '/', how: 'private', recursive: true }, ...moveBack(mounts, sysroot)];
  const image = topMount(mounts, IMAGE_MOUNT);
  return [
    ...(image === null ? [] : [{ op: 'unmount', path: IMAGE_MOUNT, restore: null } satisfies MountOp]),
    ...takeDown(mounts, sysroot),
  ];
}

/** The new root was not finished. */
function takeDown(mounts: readonly MountLine[], sysroot: string): MountOp[] {
  if (topMount(mounts, WORK_ROOT) === null) return [];
  const physical = `${WORK_ROOT}/sysroot`;
  const wasUnmounted = topMount(mounts, physical) !== null && topMount(mounts, sysroot) === null;
  return [
    ...(wasUnmounted ? [{ op: 'bind', from: physical, to: sysroot } satisfies MountOp] : []),
    { op: 'unmount', path: WORK_ROOT, restore: null },
  ];
}

/** The physical root comes out of the new root, which goes. */
function moveBack(mounts: readonly MountLine[], sysroot: string): MountOp[] {
  const physical = topMount(mounts, `${sysroot}/sysroot`);
  const ourReadonly = physical?.options.includes('ro') === true && physical.superOptions.includes('rw');
  return [
    { op: 'make-directory', path: WORK_ROOT, mode: 0o755 },
    { op: 'move', from: `${sysroot}/sysroot`, to: WORK_ROOT },
    { op: 'unmount', path: sysroot, restore: null },
    { op: 'move', from: WORK_ROOT, to: sysroot },
    ...(ourReadonly ? [{ op: 'remount', path: sysroot, readonly: false } satisfies MountOp] : []),
    { op: 'remove-directory', path: WORK_ROOT },
  ];
}

function topMount(mounts: readonly MountLine[], point: string): MountLine | null {
  return mounts.findLast((mount) => mount.point === point) ?? null;
}

function isDeployment(mount: MountLine | null): boolean {
  if (mount === null) return false;
  const isBind = mount.root.includes('/ostree/deploy/') && mount.root.includes('/deploy/');
  return isBind || (mount.type === 'overlay' && mount.source === 'composefs');
}
