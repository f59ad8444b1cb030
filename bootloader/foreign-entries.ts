/** Boot entries of somebody else beside ours: the directory that they are in is written anew with each list. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';

/** Copies them, byte for byte, to the side that is written. */
export function copyForeignEntries({ sys, fd }: BootPlace, from: Bit, to: Bit): void {
  const directory = `boot/loader.${from}/entries`;
  if (sys.stat(fd, directory) === null) return;
  for (const { name, kind } of sys.readdir(fd, directory)) {
    if (kind !== 'file' || name.startsWith('ostree-') || !name.endsWith('.conf')) continue;
    const mode = (sys.lstat(fd, `${directory}/${name}`)?.mode ?? 0o644) & 0o777;
    const text = sys.readFile(fd, `${directory}/${name}`);
    replaceFile(sys, fd, { path: `boot/loader.${to}/entries/${name}`, text, mode });
  }
}
