/** What a verb of `yum-ostree-boot` works with: the system calls, the environment, the sysroot. */
import { AT_FDCWD } from '#native/syscalls.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { withLockedSysrootSync, withSysroot, type SysrootPlace } from '#ostree/sysroot/locked-sysroot.ts';
import { sysrootOptions, type Sysroot } from '#ostree/sysroot/sysroot.ts';

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
export function readingSysroot<T>(context: BoardContext, action: (sysroot: Sysroot) => T): T {
  return withSysroot(placeOf(context), action);
}

/** Opens the sysroot to change it: writable, locked, and read anew under the lock. */
export function changingSysroot<T>(context: BoardContext, action: (sysroot: Sysroot) => T): T {
  return withLockedSysrootSync(placeOf(context), action);
}

function placeOf({ sys, env, path }: BoardContext): SysrootPlace {
  return { sys, path, options: sysrootOptions(env) };
}
