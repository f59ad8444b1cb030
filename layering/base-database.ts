/** What composing asks of the base's rpmdb; nothing is read that is not asked for. */
import type { BasePackage } from '#layering/compose-removals.ts';
import type { Nevra } from '#layering/nevra.ts';

export interface BaseDatabase {
  packagesOf(nevra: Nevra): BasePackage[];
  /** The packages that have this path (absolute, as in their headers). */
  ownersOf(path: string): BasePackage[];
  /** The same for a path in the tree (`usr/etc/x` is `/etc/x` in a header). */
  ownersOfTreePath(path: string): BasePackage[];
  /** 1: 32-bit ELF, 2: 64-bit ELF, 0: neither or unknown; of a path in the tree. */
  colorOf(path: string): number;
}
