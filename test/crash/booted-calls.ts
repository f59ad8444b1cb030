/** The system calls of a machine that runs a deployment, without one: its root, /sysroot and /run lie in a folder. */
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';

/** `FOLDER/sysroot`, `FOLDER/run`; `deployment` relative to the sysroot. */
export interface BootedFolder {
  readonly folder: string;
  readonly deployment: string;
}

/** Mounts are not made, only accepted. */
export function bootedCalls({ folder, deployment }: BootedFolder): RepoCalls {
  const sysroot = path.join(folder, 'sysroot');
  const mapped = (name: string): string => {
    if (name === '/sysroot') return sysroot;
    if (name === '/' || name === '/usr') return path.join(sysroot, deployment, name);
    return name.startsWith('/run/') ? path.join(folder, name) : name;
  };
  const real = loadSyscalls();
  const accepted = (): number => real.open(AT_FDCWD, '/dev/null', ['read']);
  const mounts: Partial<RepoCalls> = {
    fsopen: accepted,
    fsconfig: () => undefined,
    fsmount: accepted,
    moveMount: () => undefined,
    mount: () => undefined,
    unshare: () => undefined,
    setns: () => undefined,
    // Of an overlay, whose layer would be there.
    statfs: (fd) => ({ ...real.statfs(fd), type: 0x794c7630 }),
  };
  return new Proxy(real, {
    get(target, name: string) {
      const call = (Reflect.get(mounts, name) ?? Reflect.get(target, name)) as (
        ...args: unknown[]
      ) => unknown;
      return (...args: unknown[]) =>
        call.apply(
          target,
          args.map((arg, at) => (args[at - 1] === AT_FDCWD && typeof arg === 'string' ? mapped(arg) : arg)),
        );
    },
  });
}
