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
  ...['removeTreeFast'],
]);

export interface Dying {
  readonly sys: RepoCalls;
  /** The changing calls made so far, with their last path. */
  readonly calls: string[];
}

/** The system calls of a process that dies before its `limit`th change: from then on every change fails. */
export function dyingAfter(limit: number): Dying {
  const calls: string[] = [];
  const sys = new Proxy(loadSyscalls(), {
    get(target, name: string) {
      const real = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      if (!CHANGING.has(name)) return real.bind(target);
      return (...args: unknown[]) => {
        if (calls.length >= limit) throw new Error('died');
        calls.push(`${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`.trim());
        return real.apply(target, args);
      };
    },
  });
  return { sys, calls };
}
