/** Tells the next boot what went wrong at shutdown, when nobody reads. */
import { codeOf } from '#ostree/format/errors.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

/** Where ostree has it, and where it is read from. */
const STAMP = 'boot/ostree/finalize-failure.stamp';
/** What is left where /boot has no room for it. */
const UNFINISHED = 'boot/ostree/.finalize-failure.stamp.tmp';
/** On the root file system: a full /boot is why it failed, most likely. */
const OTHER_STAMP = 'ostree/finalize-failure.stamp';

/** In /boot, else on the root file system; where neither can be written, the error that is noted counts. */
export function noteFinalizeFailure(sysroot: Sysroot, message: string): void {
  const { sys, fd } = sysroot;
  const isNoted = attempt(() => {
    makeDirectories(sys, fd, 'boot/ostree');
    replaceFile(sys, fd, { path: STAMP, text: message });
    syncBootOf(sysroot);
  });
  if (isNoted) return;
  attempt(() => unlinkIfPresent(sys, fd, UNFINISHED));
  attempt(() => {
    replaceFile(sys, fd, { path: OTHER_STAMP, text: message });
    sys.syncfs(sysroot.repo.fd);
  });
}

/** What was noted, which is noted no more; null for nothing. */
export function takeFinalizeFailure(sysroot: Sysroot): string | null {
  const { sys, fd } = sysroot;
  const inBoot = sys.readText(fd, STAMP);
  const elsewhere = sys.readText(fd, OTHER_STAMP);
  unlinkIfPresent(sys, fd, UNFINISHED);
  if (inBoot !== null) {
    unlinkIfPresent(sys, fd, STAMP);
    syncBootOf(sysroot);
  }
  if (elsewhere !== null) {
    unlinkIfPresent(sys, fd, OTHER_STAMP);
    sys.syncfs(sysroot.repo.fd);
  }
  const noted = [inBoot, elsewhere].flatMap((text) => (text === null ? [] : [text.trim()]));
  return noted.length === 0 ? null : noted.join('; ');
}

/** Whether it could be done. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

function syncBootOf({ sys, fd }: Sysroot): void {
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    sys.syncfs(boot);
  } finally {
    sys.close(boot);
  }
}
