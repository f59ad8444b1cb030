/** `finalize-staged`, as both programs have it: at shutdown the staged deployment becomes the one that boots next. */
import { describeSwap } from '#bootloader/next-boot.ts';
import { finalizeStaged } from '#bootloader/stage.ts';
import type { WriteOptions } from '#bootloader/write-entries.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { isOstreeBoot, requireBooted } from '#ostree/sysroot/booted.ts';
import { describeEtc } from '#ostree/sysroot/merge-etc.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** On a machine that was not booted through ostree, nothing. @param say told what is done, as it is done. @throws UserError NOT_BOOTED, and those of `finalizeStaged` */
export function finalizeBooted(sysroot: Sysroot, options: WriteOptions, say: (text: string) => void): void {
  if (!isOstreeBoot(sysroot.sys)) return;
  requireBooted(sysroot);
  const result = finalizeStaged(sysroot, { ...options, onEtcMerge: (diff) => say(describeEtc(diff)) });
  switch (result.kind) {
    case 'nothing':
      return;
    case 'locked':
      return say('The staged deployment is locked: it is not finalized\n');
    case 'done':
      return say(`${describeSwap(result.written)}\n`);
    default:
      result satisfies never;
  }
}

/**
 * `--hold`: keeps /boot in use, so that autofs does not unmount it, until a signal ends the process. It waits for a
 * lock that it holds itself: neither engine has pause(2).
 */
export function holdBoot(sys: Syscalls): never {
  sys.open(AT_FDCWD, '/boot', ['read', 'directory']);
  const held = sys.open(AT_FDCWD, '/run', ['read-write', 'tmpfile'], 0o600);
  // Another open file description of the same file: the lock of the first one excludes it.
  const waiting = sys.open(AT_FDCWD, `/proc/self/fd/${held}`, ['read-write']);
  sys.lock(held, 'exclusive', true);
  for (;;) sys.lock(waiting, 'exclusive', true);
}
