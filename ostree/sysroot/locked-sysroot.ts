/** The sysroot, opened for as long as something looks at it or, under its lock, changes it. */
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { lockSysroot, waitForLock, type LockWait } from '#ostree/sysroot/lock.ts';
import {
  closeSysroot,
  openSysroot,
  reloadSysroot,
  type Sysroot,
  type SysrootOptions,
} from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

export interface SysrootPlace {
  readonly sys: RepoCalls;
  readonly path: string;
  readonly options: SysrootOptions;
}

/** To look at it. @throws as `openSysroot` */
export function withSysroot<T>({ sys, path, options }: SysrootPlace, action: (sysroot: Sysroot) => T): T {
  const sysroot = openSysroot(sys, path, options);
  try {
    return action(sysroot);
  } finally {
    closeSysroot(sysroot);
  }
}

/** To change it: writable, locked, and read anew under the lock. @throws as `openSysroot`; LOCKED, NOT_WRITABLE */
export async function withLockedSysroot<T>(
  place: SysrootPlace,
  how: LockWait,
  action: (sysroot: Sysroot) => T | Promise<T>,
): Promise<T> {
  makeSysrootWritable(place.sys, place.path);
  const opened = openSysroot(place.sys, place.path, place.options);
  try {
    const lock = await lockSysroot(opened, how);
    try {
      return await action(reloadSysroot(opened));
    } finally {
      place.sys.close(lock);
    }
  } finally {
    closeSysroot(opened);
  }
}

/** As `withLockedSysroot`, for a program that has nothing else to do: it waits without end, inside the kernel. */
export function withLockedSysrootSync<T>(place: SysrootPlace, action: (sysroot: Sysroot) => T): T {
  makeSysrootWritable(place.sys, place.path);
  return withSysroot(place, (opened) => withLock(opened, () => action(reloadSysroot(opened))));
}

/** Runs `action` under the sysroot's lock; that it has to wait is said on standard error. */
export function withLock<T>(place: Pick<Sysroot, 'sys' | 'fd' | 'path'>, action: () => T): T {
  const { sys } = place;
  const lock = waitForLock(place, (holder) => sys.write(2, waitingText(holder)));
  try {
    return action();
  } finally {
    sys.close(lock);
  }
}

export function waitingText(holder: number | null): string {
  return `Waiting for sysroot lock${holder === null ? '' : ` (process ${holder} has it)`}...\n`;
}
