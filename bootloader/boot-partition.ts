/** The VFAT partition that systemd-boot reads: an EFI system partition (ESP) or an extended boot partition. */
import { readBootloaderFacts } from '#bootloader/detect.ts';
import type { Fd, Syscalls } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { keyFileString, type KeyFile } from '#ostree/format/keyfile.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface BootPartition {
  readonly sys: Syscalls;
  readonly fd: Fd;
  /** Where it is mounted, relative to the sysroot: `efi`, `boot/efi`. */
  readonly path: string;
}

const VFAT = 0x4d44;
const USUAL_PLACES = ['efi', 'boot/efi'];

/**
 * Where the partition is mounted, relative to the sysroot; null where systemd-boot is not used. `[yum-ostree]
 * boot-partition` of the repository's configuration names it, or is `none`; otherwise it is found where no other boot
 * loader is configured or found, and systemd-boot is installed on it (`EFI/systemd`).
 * @throws UserError BOOTLOADER where the configured place is no directory
 */
export function findBootPartition(
  { sys, fd }: { readonly sys: Syscalls; readonly fd: Fd },
  config: KeyFile,
  hasOtherLoader: boolean,
): string | null {
  const configured = keyFileString(config, 'yum-ostree', 'boot-partition');
  if (configured === 'none') return null;
  if (configured !== null) return requireDirectory({ sys, fd }, configured);
  if (!isLeftToUs(config, hasOtherLoader)) return null;
  return USUAL_PLACES.find((path) => hasSystemdBoot(sys, fd, path)) ?? null;
}

function isLeftToUs(config: KeyFile, hasOtherLoader: boolean): boolean {
  return (keyFileString(config, 'sysroot', 'bootloader') ?? 'auto') === 'auto' && !hasOtherLoader;
}

/** Whether nothing is configured, so that what is found counts. @throws UserError BAD_REPO */
export function isLeftToDetection({ sys, fd, repo }: Pick<Sysroot, 'sys' | 'fd' | 'repo'>): boolean {
  const { hasSyslinux, hasGrub, hasUboot } = readBootloaderFacts(sys, fd, repo.config);
  const isConfigured = keyFileString(repo.config, 'yum-ostree', 'boot-partition') !== null;
  return !isConfigured && isLeftToUs(repo.config, hasSyslinux || hasGrub || hasUboot);
}

/** Of a sysroot, beside the boot loaders that it has. @throws UserError BOOTLOADER */
export function bootPartitionOf({ sys, fd, repo }: Pick<Sysroot, 'sys' | 'fd' | 'repo'>): string | null {
  const { hasSyslinux, hasGrub, hasUboot } = readBootloaderFacts(sys, fd, repo.config);
  return findBootPartition({ sys, fd }, repo.config, hasSyslinux || hasGrub || hasUboot);
}

/** Runs `action` with the partition's directory open. */
export function withBootPartition<T>(
  { sys, fd }: { readonly sys: Syscalls; readonly fd: Fd },
  path: string,
  action: (partition: BootPartition) => T,
): T {
  const opened = sys.open(fd, path, ['read', 'directory']);
  try {
    return action({ sys, fd: opened, path });
  } finally {
    sys.close(opened);
  }
}

function requireDirectory(
  { sys, fd }: { readonly sys: Syscalls; readonly fd: Fd },
  configured: string,
): string {
  let path = configured;
  while (path.startsWith('/')) path = path.slice(1);
  try {
    return withBootPartition({ sys, fd }, path, () => path);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT' && codeOf(cause) !== 'ENOTDIR') throw cause;
    throw new UserError('BOOTLOADER', `there is no boot partition at '${configured}'`, {
      hint: `mount it there, or set [yum-ostree] boot-partition in /ostree/repo/config to where it is, or to none`,
      cause,
    });
  }
}

function hasSystemdBoot(sys: Syscalls, root: Fd, path: string): boolean {
  if (sys.stat(root, `${path}/EFI/systemd`) === null) return false;
  return withBootPartition({ sys, fd: root }, path, ({ fd }) => sys.statfs(fd).type === VFAT);
}
