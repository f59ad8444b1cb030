/** GRUB's own program, where the distribution wants grub.cfg made by it. */
import type { BoardContext } from '#board/context.ts';
import type { GrubGenerator } from '#bootloader/write-loader-config.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';

const DEFAULT_PROGRAMS = ['grub2-mkconfig', 'grub-mkconfig'];

/**
 * Runs the program of `OSTREE_GRUB2_EXEC`; on the booted system otherwise grub2-mkconfig, where it is installed. A
 * sysroot that is not booted gets our own file instead: a host's grub2-mkconfig would describe the host.
 * What it prints goes to our own standard streams.
 */
export function grubMkconfig({ sys, env, path }: BoardContext, { booted }: Sysroot): GrubGenerator {
  return ({ file, bootversion }) => {
    const named = env['OSTREE_GRUB2_EXEC'];
    const candidates = named === undefined ? (booted === null ? [] : DEFAULT_PROGRAMS) : [named];
    const isEfi = sys.stat(AT_FDCWD, '/sys/firmware/efi') !== null;
    const environment = {
      ...env,
      _OSTREE_GRUB2_BOOTVERSION: `${bootversion}`,
      ...(isEfi ? { _OSTREE_GRUB2_IS_EFI: '1' } : {}),
    };
    const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return candidates.some((program) => {
      const target = joined(path, file);
      const code = sys.spawn(program, [program, '-o', target], words);
      if (code === null || code === 0) return code === 0;
      throw new UserError('GRUB', `${program} -o ${target} failed (exit code ${code})`, {
        hint: 'sysroot.bootloader=none in the repository configuration leaves GRUB to its BLS support',
      });
    });
  };
}
