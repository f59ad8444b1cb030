/**
 * Inside the scratch initramfs: our prepare-root whose Kth change of the system does not happen.
 *   node interrupted-prepare-root.ts K fail|die SYSROOT
 * 'fail': that system call fails with EIO, once. 'die': the process ends there, as if killed.
 */
import { loadSyscalls } from '#native/load.ts';
import type { Syscalls } from '#native/syscalls.ts';
import { main } from '#prepare-root/main.ts';

/** As exit code: there were fewer than K changes. */
export const NOT_REACHED = 40;
/** As exit code of 'die'. */
export const DIED = 41;

const CHANGES: readonly string[] = [
  'mount',
  'umount',
  'mkdir',
  'rmdir',
  'chdir',
  'rename',
  'symlink',
  'fsopen',
  'fsmount',
  'moveMount',
] satisfies (keyof Syscalls)[];

if (import.meta.main) process.exitCode = interrupted(process.argv.slice(2));

function interrupted([at, how, sysroot]: readonly string[]): number {
  let left = Number(at);
  const stopAt = (name: string): void => {
    if (!CHANGES.includes(name) || --left !== 0) return;
    if (how === 'die') process.exit(DIED);
    throw Object.assign(new Error(`${name}: Input/output error`), { code: 'EIO', syscall: name });
  };
  const status = main([sysroot ?? '/sysroot'], stoppingSyscalls(stopAt));
  return status === 0 && left > 0 ? NOT_REACHED : status;
}

type AnyCall = (...values: readonly unknown[]) => unknown;

function stoppingSyscalls(stopAt: (name: string) => void): Syscalls {
  const calls = loadSyscalls() as unknown as Readonly<Record<string, AnyCall>>;
  const stopping = Object.entries(calls).map(([name, call]): [string, AnyCall] => [
    name,
    (...values) => {
      stopAt(name);
      return call(...values);
    },
  ]);
  return Object.fromEntries(stopping) as unknown as Syscalls;
}
