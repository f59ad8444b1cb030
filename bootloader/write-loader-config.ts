/** Writes the boot loader's own file into the inactive `loader.B`. */
import type { Fd } from '#native/syscalls.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { during } from '#ostree/format/errors.ts';
import type { Bootloader } from '#bootloader/detect.ts';
import { grubConfig, type GrubOptions } from '#bootloader/grub.ts';
import { syslinuxText } from '#bootloader/syslinux.ts';
import { ubootText } from '#bootloader/uboot.ts';
import { ubootFiles } from '#bootloader/write-uboot-files.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';

export interface LoaderConfig {
  readonly bootloader: Bootloader;
  /** The side that is written. */
  readonly bootversion: Bit;
  /** In the menu's order. */
  readonly entries: readonly BlsEntry[];
  readonly bootPrefix: boolean;
  readonly boot: Fd;
}

/** Runs grub2-mkconfig into a file of the sysroot. @returns false where there is none to run */
export type GrubGenerator = (run: { readonly file: string; readonly bootversion: Bit }) => boolean;

/** A file for a boot loader, as it is generated from the entries. */
export interface LoaderFile {
  /** Relative to the sysroot. */
  readonly path: string;
  readonly text: string | Uint8Array;
}

/** @throws UserError BAD_SYSLINUX, BAD_BLS, and what `generateGrub` throws */
export function writeLoaderConfig(
  sysroot: Sysroot,
  config: LoaderConfig,
  generateGrub?: GrubGenerator,
): void {
  const { sys, fd } = sysroot;
  const { bootloader, bootversion } = config;
  for (const file of ubootFiles(sysroot, config)) replaceFile(sys, fd, file);
  if (bootloader === 'none') return;
  during(`writing the ${bootloader} configuration`, () => {
    const grub = { file: `boot/loader.${bootversion}/grub.cfg`, bootversion };
    if (bootloader === 'grub2' && generateGrub?.(grub) === true) return;
    replaceFile(sys, fd, ownConfig(sysroot, bootloader, config));
  });
}

/**
 * All that are ours to write, grub.cfg as it is without a grub2-mkconfig. @throws UserError BAD_SYSLINUX, BAD_BLS, BAD_REPO
 */
export function loaderFiles(sysroot: Sysroot, config: LoaderConfig): LoaderFile[] {
  const { bootloader } = config;
  const own = bootloader === 'none' ? [] : [ownConfig(sysroot, bootloader, config)];
  return [...ubootFiles(sysroot, config), ...own];
}

function ownConfig(
  sysroot: Sysroot,
  bootloader: Exclude<Bootloader, 'none'>,
  config: LoaderConfig,
): LoaderFile {
  const { bootversion, entries } = config;
  const directory = `boot/loader.${bootversion}`;
  switch (bootloader) {
    case 'syslinux':
      return { path: `${directory}/syslinux.cfg`, text: syslinux(sysroot, config) };
    case 'uboot':
      return { path: `${directory}/uEnv.txt`, text: ubootText(entries, ubootExtra(sysroot, config)) };
    case 'grub2':
      return { path: `${directory}/grub.cfg`, text: grubConfig(entries, ownGrubOptions(sysroot, config)) };
    default:
      return bootloader satisfies never;
  }
}

function syslinux({ sys, fd }: Sysroot, config: LoaderConfig): string {
  const current = sys.readText(fd, 'boot/syslinux/syslinux.cfg') ?? '';
  return syslinuxText(current, config.entries, config.bootPrefix);
}

/** The default deployment's own lines. The boot links of the new side exist by now. */
function ubootExtra({ sys, fd }: Sysroot, { entries }: LoaderConfig): string | null {
  const options = entries[0] === undefined ? null : blsValue(entries[0], 'options');
  const link = options === null ? null : kernelArgValue(parseKernelArgs(options), 'ostree');
  return link === null ? null : sys.readText(fd, `${link.slice(1)}/usr/lib/ostree-boot/uEnv.txt`);
}

/** GRUB finds /boot through `$root`; where it is the root file system, paths start with /boot. */
function ownGrubOptions({ sys, fd }: Sysroot, { boot, bootPrefix }: LoaderConfig): GrubOptions {
  const isOnRoot = sys.fstat(boot).dev === sys.fstat(fd).dev;
  return {
    deviceId: 'boot',
    prepareRoot: '',
    prefix: isOnRoot && !bootPrefix ? '/boot' : '',
  };
}
