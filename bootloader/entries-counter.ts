/** Whether what boots counts in the names of boot entries, as systemd-boot does. Other boot loaders pass them over. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { BOOT_SCRIPT } from '#bootloader/detect.ts';

/** Where systemd-boot is installed (bootctl). */
const SYSTEMD_BOOT = ['boot/EFI/systemd', 'boot/efi/EFI/systemd', 'efi/EFI/systemd'];

/**
 * Where no other boot loader was found and no partition of systemd-boot is written. `configured`: `sysroot.bootloader`, where `none`
 * says that the entries are read. @returns why they do not count; null where they do
 */
export function entriesUncounted({ sys, fd }: BootPlace, configured: string): string | null {
  if (SYSTEMD_BOOT.some((path) => sys.lstat(fd, path) !== null)) return null;
  const { path, target } = BOOT_SCRIPT;
  if (sys.lstat(fd, path) !== null)
    return `/${path} is no link to ${target}, and U-Boot does not count in the entries`;
  if (configured === 'none') return null;
  return 'no boot loader was found that counts; sysroot.bootloader=none says that it is systemd-boot';
}
