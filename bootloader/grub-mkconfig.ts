/** GRUB's own program, where the distribution wants grub.cfg made by it. */
import type { GrubGenerator } from '#bootloader/write-loader-config.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { environmentWords } from '#ostree/format/environment-words.ts';
import { UserError } from '#ostree/format/errors.ts';
import { joined, type Sysroot } from '#ostree/sysroot/sysroot.ts';

const DEFAULT_PROGRAMS = ['grub2-mkconfig', 'grub-mkconfig'];

/** Of the process that changes the sysroot at `path`. */
export interface GrubCaller {
  readonly sys: Syscalls;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly path: string;
}

/**
 * Runs the program of `OSTREE_GRUB2_EXEC`; on the booted system otherwise grub2-mkconfig, where it is installed. A
 * sysroot that is not booted gets our own file instead: a host's grub2-mkconfig would describe the host.
 * What it prints goes to our own standard streams; GRUB's prints nothing on standard output.
 */
export function grubMkconfig({ sys, env, path }: GrubCaller, { booted }: Sysroot): GrubGenerator {
  return ({ file, bootversion }) => {
    const isEfi = sys.stat(AT_FDCWD, '/sys/firmware/efi') !== null;
    const words = environmentWords({
      ...env,
      _OSTREE_GRUB2_BOOTVERSION: `${bootversion}`,
      ...(isEfi ? { _OSTREE_GRUB2_IS_EFI: '1' } : {}),
    });
    const target = joined(path, file);
    return generatedBy(grubPrograms(env, booted !== null), (program) => {
      const code = sys.spawn(program, [program, '-o', target], words);
      if (code === null || code === 0) return code === 0;
      throw new UserError('GRUB', `${program} -o ${target} failed (exit code ${code})`, {
        hint: 'sysroot.bootloader=none in the repository configuration leaves GRUB to its BLS support',
      });
    });
  };
}

/** Which programs may make grub.cfg; with an empty `OSTREE_GRUB2_EXEC` none: we write it. */
export type GrubPrograms =
  | { readonly kind: 'named'; readonly program: string }
  | { readonly kind: 'any'; readonly programs: readonly string[] };

export function grubPrograms(env: GrubCaller['env'], isBooted: boolean): GrubPrograms {
  const program = env['OSTREE_GRUB2_EXEC'];
  if (program === undefined) return { kind: 'any', programs: isBooted ? DEFAULT_PROGRAMS : [] };
  return program === '' ? { kind: 'any', programs: [] } : { kind: 'named', program };
}

/**
 * Whether one of them made it. `run` returns false for a program that is not there.
 * @throws UserError GRUB where the one that was named is not there: another file than the one asked for is no answer
 */
export function generatedBy(programs: GrubPrograms, run: (program: string) => boolean): boolean {
  if (programs.kind === 'any') return programs.programs.some(run);
  if (run(programs.program)) return true;
  throw new UserError('GRUB', `there is no program '${programs.program}', which OSTREE_GRUB2_EXEC names`, {
    hint: 'correct or unset OSTREE_GRUB2_EXEC; nothing was changed',
  });
}
