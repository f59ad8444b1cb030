import type { Fd, Syscalls } from '#native/syscalls.ts';

/** A sysroot as far as its files are concerned, whatever state they are in; a `Sysroot` is one. */
export interface BootPlace {
  readonly sys: Syscalls;
  readonly fd: Fd;
  /** For messages. */
  readonly path: string;
}
