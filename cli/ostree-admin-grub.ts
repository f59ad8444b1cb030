/** GRUB's own programs: `instutil grub2-generate` for them, and running grub2-mkconfig where it is asked for. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { CliContext } from '#cli/context.ts';
import { generatedBy, grubPrograms } from '#bootloader/grub-mkconfig.ts';
import { grubStanzas } from '#bootloader/grub.ts';
import type { GrubGenerator } from '#bootloader/write-loader-config.ts';
import { UserError } from '#ostree/format/errors.ts';
import { readEntries, type Bit } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/**
 * Runs the program of `OSTREE_GRUB2_EXEC`; on the booted system otherwise grub2-mkconfig, where it is installed. A
 * sysroot that is not booted gets our own file instead: a host's grub2-mkconfig would describe the host.
 */
export function grubGenerator(sysroot: Sysroot, context: CliContext): GrubGenerator {
  return ({ file, bootversion }) => {
    const target = path.resolve(sysroot.path, file);
    return generatedBy(grubPrograms(context.env, sysroot.booted !== null), (program) =>
      run({ program, target, bootversion }, context),
    );
  };
}

function run(
  what: { readonly program: string; readonly target: string; readonly bootversion: Bit },
  { env, sys }: CliContext,
): boolean {
  const child = spawnSync(what.program, ['-o', what.target], {
    encoding: 'utf8',
    env: {
      ...env,
      _OSTREE_GRUB2_BOOTVERSION: String(what.bootversion),
      ...(isEfi({ env, sys }) ? { _OSTREE_GRUB2_IS_EFI: '1' } : {}),
    },
  });
  if (child.error !== undefined && 'code' in child.error && child.error.code === 'ENOENT') return false;
  if (child.status === 0) return true;
  const last = child.stderr.trim().split('\n').slice(-3).join(' / ');
  throw new UserError(
    'GRUB',
    `${what.program} -o ${what.target} failed (${child.status ?? 'killed'}): ${last}`,
    {
      hint: 'sysroot.bootloader=none in the repository configuration leaves GRUB to its BLS support',
    },
  );
}

function isEfi({ env, sys }: Pick<CliContext, 'env' | 'sys'>): boolean {
  return env['_OSTREE_GRUB2_IS_EFI'] !== undefined || sys.stat(-100, '/sys/firmware/efi') !== null;
}

/** The stanzas for grub-mkconfig, whose environment says which device and how GRUB finds it. */
export function grubGenerate(sysroot: Sysroot, bootversion: string | undefined, context: CliContext): string {
  const { env } = context;
  const version = bootversion ?? env['_OSTREE_GRUB2_BOOTVERSION'] ?? String(sysroot.bootversion);
  if (version !== '0' && version !== '1') throw new UserError('USAGE', `Invalid bootversion: ${version}`);
  const entries = readEntries(sysroot.sys, sysroot.fd, version === '1' ? 1 : 0).map(({ bls }) => bls);
  return grubStanzas(entries, {
    deviceId: env['GRUB2_BOOT_DEVICE_ID'] ?? '',
    prepareRoot: env['GRUB2_PREPARE_ROOT_CACHE'] ?? '',
    prefix: '',
  });
}
