/** Which boot loader's own configuration is written besides the entries. */
import type { Fd, Syscalls } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { keyFileString, type KeyFile } from '#ostree/format/keyfile.ts';

export type Bootloader = 'none' | 'syslinux' | 'grub2' | 'uboot';

/** Where U-Boot looks for what we write, if it is a link to it. */
export const BOOT_SCRIPT = { path: 'boot/boot.scr', target: 'loader/boot.scr' };
export const EXTLINUX = { path: 'boot/extlinux/extlinux.conf', target: '../loader/extlinux.conf' };

export interface BootloaderFacts {
  /** `sysroot.bootloader` of the repository's configuration. */
  readonly configured: string;
  readonly hasSyslinux: boolean;
  readonly hasGrub: boolean;
  readonly hasUboot: boolean;
  /** `/boot/boot.scr` is a link to ours. */
  readonly hasBootScript: boolean;
  /** bootupd owns a static grub.cfg. */
  readonly hasStaticGrub: boolean;
}

/** @throws UserError BAD_REPO for a word that is not known, BOOTLOADER for one that we cannot serve */
export function chooseBootloader(facts: BootloaderFacts): Bootloader {
  switch (facts.configured) {
    case 'none':
      return 'none';
    case 'auto':
      if (facts.hasSyslinux) return 'syslinux';
      if (facts.hasGrub && !facts.hasStaticGrub) return 'grub2';
      return facts.hasUboot ? 'uboot' : 'none';
    case 'grub2':
    case 'syslinux':
    case 'uboot':
      return facts.configured;
    case 'zipl':
    case 'aboot':
      throw new UserError('BOOTLOADER', `sysroot.bootloader=${facts.configured} is not supported`, {
        hint: 'none, syslinux, grub2 and uboot are',
      });
    default:
      throw new UserError('BAD_REPO', `Invalid bootloader configuration: '${facts.configured}'`, {
        hint: 'sysroot.bootloader is auto, none, syslinux, grub2 or uboot',
      });
  }
}

export function readBootloaderFacts(sys: Syscalls, root: Fd, config: KeyFile): BootloaderFacts {
  const exists = (path: string): boolean => sys.lstat(root, path) !== null;
  return {
    configured: keyFileString(config, 'sysroot', 'bootloader') ?? 'auto',
    hasSyslinux: exists('boot/syslinux/syslinux.cfg'),
    hasGrub: exists('boot/grub/grub.cfg') || exists('boot/grub2/grub.cfg'),
    hasUboot: exists('boot/loader/uEnv.txt'),
    hasBootScript: leadsTo({ sys, fd: root }, BOOT_SCRIPT),
    hasStaticGrub: isStaticGrub(sys.readText(root, 'boot/bootupd-state.json') ?? ''),
  };
}

/** Whether the path is a link with that target. */
export function leadsTo(
  { sys, fd }: { readonly sys: Syscalls; readonly fd: Fd },
  { path, target }: typeof BOOT_SCRIPT,
): boolean {
  try {
    return sys.readlink(fd, path) === target;
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error;
    return false;
  }
}

/** vfat has neither symbolic links nor hard links. */
export function refuseVfat(sys: Syscalls, boot: Fd): void {
  const VFAT = 0x4d44;
  if (sys.statfs(boot).type === VFAT)
    throw new UserError('VFAT_BOOT', '/boot cannot currently be a vfat filesystem', {
      hint: 'mount the EFI system partition at /boot/efi, and keep /boot on ext4, xfs or btrfs',
    });
}

function isStaticGrub(state: string): boolean {
  const key = '"static-configs"';
  const at = state.indexOf(key);
  if (at < 0) return false;
  const value = state.slice(at + key.length).trimStart();
  return !(value.startsWith(':') && value.slice(1).trimStart().startsWith('null'));
}
