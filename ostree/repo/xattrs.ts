import type { Fd, Syscalls } from '#native/syscalls.ts';
import type { XattrEntry } from '#ostree/format/file-meta.ts';

/** A file's attributes as ostree sees them: one without a value is none, no checksum covers it. */
export function fileXattrs(sys: Syscalls, dir: Fd, path: string): readonly XattrEntry[] {
  return sys.xattrs(dir, path).filter(({ value }) => value.length > 0);
}
