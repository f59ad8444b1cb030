import { MOUNT_ATTR, type Fd, type Syscalls } from '#native/syscalls.ts';

/** Directories of an overlay mount, as the root of the machine sees them. */
export interface OverlayLayers {
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
}

/** An overlay that is attached nowhere yet (`moveMount` does); the caller closes it. */
export function openOverlay(
  sys: Syscalls,
  { lower, upper, work }: OverlayLayers,
  { isReadOnly }: { readonly isReadOnly: boolean },
): Fd {
  const overlay = sys.fsopen('overlay');
  try {
    const options = [
      ['source', 'overlay'],
      ['lowerdir', escaped(lower)],
      ['upperdir', upper],
      ['workdir', work],
      // Whatever the kernel's defaults are: a layer holds all of what it shows otherwise, file by file.
      ['redirect_dir', 'off'],
      ['metacopy', 'off'],
    ] as const;
    for (const [key, value] of options) sys.fsconfig(overlay, key, value);
    return sys.fsmount(overlay, isReadOnly ? MOUNT_ATTR.RDONLY : 0);
  } finally {
    sys.close(overlay);
  }
}

/** A colon would separate lower directories. */
function escaped(path: string): string {
  return [...path].map((c) => (c === ':' || c === '\\' ? `\\${c}` : c)).join('');
}
