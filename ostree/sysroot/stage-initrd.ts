import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { STAGED_INITRDS } from '#ostree/sysroot/deployment.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

/**
 * Puts an initrd where the boot entry of a new deployment takes it from: in memory, as its checksum.
 * @returns `isNew`: false where it was there already, for another deployment
 */
export function stageInitrd(
  sys: Syscalls,
  bytes: Uint8Array,
): { readonly checksum: Checksum; readonly isNew: boolean } {
  const hash = sys.sha256();
  hash.update(bytes);
  const checksum = parseChecksum(hash.digest());
  const path = `${STAGED_INITRDS}/${checksum}`;
  const isNew = sys.lstat(AT_FDCWD, path) === null;
  makeDirectories(sys, AT_FDCWD, STAGED_INITRDS);
  if (isNew) replaceFile(sys, AT_FDCWD, { path, text: bytes, mode: 0o600 });
  return { checksum, isNew };
}
