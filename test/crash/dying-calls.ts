/** System calls of a process that dies. */
import { loadSyscalls } from '#native/load.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';

/** The calls that change something, or make it durable. */
const CHANGING = new Set<string>([
  ...[
    'write',
    'mkdir',
    'rmdir',
    'unlink',
    'removeTree',
    'rename',
    'rename2',
    'link',
    'linkFd',
    'symlink',
    'mknod',
  ],
  ...[
    'chmod',
    'fchmod',
    'chown',
    'fchown',
    'utimes',
    'ftruncate',
    'setXattr',
    'removeXattr',
    'fsetXattr',
    'fsync',
  ],
  ...[
    'fdatasync',
    'syncfs',
    'setImmutable',
    'freezeThaw',
    'populate',
    'populateTree',
    'storeFiles',
    'moveFiles',
    'unlinkFiles',
  ],
  ...['removeTreeFast', 'moveMount', 'enableVerity'],
]);

/** Flags of `open` that make a file. */
const MAKING = new Set(['create', 'tmpfile']);

export interface Dying {
  readonly sys: RepoCalls;
  /** The changing calls made so far, with their last path. */
  readonly calls: string[];
}

/** The system calls of a process that dies before its `limit`th change: from then on every change fails. */
export function dyingAfter(limit: number, real: RepoCalls = loadSyscalls()): Dying {
  const calls: string[] = [];
  let isDead = false;
  const sys = new Proxy(real, {
    get(target, name: string) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      // What still runs after the death, to clean up, makes no files either.
      if (name === 'open')
        return (...args: unknown[]) => {
          if (isDead && Array.isArray(args[2]) && args[2].some((flag) => MAKING.has(String(flag))))
            throw new Error('died');
          return call.apply(target, args);
        };
      if (!CHANGING.has(name)) return call.bind(target);
      return (...args: unknown[]) => {
        isDead ||= calls.length >= limit;
        if (isDead) throw new Error('died');
        calls.push(`${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`.trim());
        return call.apply(target, args);
      };
    },
  });
  return { sys, calls };
}
