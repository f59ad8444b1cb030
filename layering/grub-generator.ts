import { grubMkconfig } from '#bootloader/grub-mkconfig.ts';
import type { GrubGenerator } from '#bootloader/write-loader-config.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** How GRUB's configuration of this sysroot is made where the distribution wants it made by its own program. */
export function grubGeneratorOf(sysroot: Sysroot): GrubGenerator {
  const { sys, path } = sysroot;
  return grubMkconfig({ sys, path, env: process.env }, sysroot);
}
