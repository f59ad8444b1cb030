/** What a verb of `yum-ostree-boot` works with: the system calls, the environment, the sysroot. */
import { AT_FDCWD } from '#native/syscalls.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { waitForLock } from '#ostree/sysroot/lock.ts';
import {
  closeSysroot,
  openSysroot,
  reloadSysroot,
  sysrootOptions,
  type Sysroot,
} from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

export interface BoardContext {
  readonly sys: RepoCalls;
  readonly env: Readonly<Record<string, string>>;
  /** Where the sysroot is. */
  readonly path: string;
}

/** `NAME=VALUE` of the process. */
export function readEnvironment(sys: RepoCalls): Record<string, string> {
  const entries = (sys.readText(AT_FDCWD, '/proc/self/environ') ?? '').split('\0');
  return Object.fromEntries(
    entries
      .filter((entry) => entry.indexOf('=') > 0)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

/** Opens the sysroot to look at it. */
export function readingSysroot<T>({ sys, env, path }: BoardContext, action: (sysroot: Sysroot) => T): T {
  const sysroot = openSysroot(sys, path, sysrootOptions(env));
  try {
    return action(sysroot);
  } finally {
    closeSysroot(sysroot);
  }
}

/** Opens the sysroot to change it: writable, locked, and read anew under the lock. */
export function changingSysroot<T>(context: BoardContext, action: (sysroot: Sysroot) => T): T {
  makeSysrootWritable(context.sys, context.path);
  return readingSysroot(context, (opened) => withLock(opened, () => action(reloadSysroot(opened))));
}

/** Runs `action` under the sysroot's lock. */
export function withLock<T>(place: Pick<Sysroot, 'sys' | 'fd' | 'path'>, action: () => T): T {
  const { sys } = place;
  const lock = waitForLock(place, (holder) =>
    sys.write(2, `Waiting for sysroot lock${holder === null ? '' : ` (process ${holder} has it)`}...\n`),
  );
  try {
    return action();
  } finally {
    sys.close(lock);
  }
}
