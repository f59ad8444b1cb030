import type { Fd } from '#native/syscalls.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface LockWait {
  /** Seconds to wait at most; 0 fails at once, null waits for ever. */
  readonly wait: number | null;
  /** Called once before it waits for a lock that is not free (with the process that holds it, where that can be known). */
  onWait?(holder: number | null): void;
  /** Resolves after so many milliseconds; the engine's own timer. */
  pause(milliseconds: number): Promise<void>;
}

const LOCK_FILE = 'ostree/lock';
const POLL_MILLISECONDS = 200;

/**
 * Takes the lock that every change of the sysroot needs (an open file description lock on `/ostree/lock`, which
 * excludes ostree itself). Reload the sysroot after it: the list may have changed meanwhile. Closing the returned file
 * descriptor, or the end of the process, unlocks.
 * @throws UserError LOCKED naming the holder, NOT_WRITABLE
 */
export async function lockSysroot(sysroot: Pick<Sysroot, 'sys' | 'fd' | 'path'>, how: LockWait): Promise<Fd> {
  const { sys } = sysroot;
  const fd = openLock(sysroot);
  try {
    if (sys.lock(fd, 'exclusive', false)) return fd;
    const limit = how.wait === null ? Infinity : how.wait * 1000;
    if (limit > 0) how.onWait?.(sys.lockHolder(fd));
    for (let waited = 0; waited < limit; waited += POLL_MILLISECONDS) {
      await how.pause(POLL_MILLISECONDS);
      if (sys.lock(fd, 'exclusive', false)) return fd;
    }
    throw lockedError(joined(sysroot.path, LOCK_FILE), sys.lockHolder(fd));
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

/** As `lockSysroot`, for a program that has nothing else to do meanwhile: waits without end, inside the kernel. */
export function waitForLock(
  sysroot: Pick<Sysroot, 'sys' | 'fd' | 'path'>,
  onWait: (holder: number | null) => void,
): Fd {
  const { sys } = sysroot;
  const fd = openLock(sysroot);
  try {
    if (sys.lock(fd, 'exclusive', false)) return fd;
    onWait(sys.lockHolder(fd));
    sys.lock(fd, 'exclusive', true);
    return fd;
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

function openLock({ sys, fd, path }: Pick<Sysroot, 'sys' | 'fd' | 'path'>): Fd {
  try {
    return sys.open(fd, LOCK_FILE, ['read-write', 'create'], 0o660);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error;
    throw new UserError('NOT_WRITABLE', `locking ${joined(path, LOCK_FILE)}: ${messageOf(error)}`, {
      hint: code === 'EROFS' ? 'the sysroot is mounted read-only' : 'run it as root',
      cause: error,
    });
  }
}

function lockedError(file: string, holder: number | null): UserError {
  const who = holder === null ? 'another process' : `process ${holder}`;
  return new UserError('LOCKED', `the sysroot is in use: ${who} holds ${file}`, {
    hint: 'wait for it to end; --wait waits here',
  });
}
