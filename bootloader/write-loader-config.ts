/** Writes the boot loader's own file into the inactive `loader.B`. */
import type { Fd } from '#native/syscalls.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { during } from '#ostree/format/errors.ts';
import type { Bootloader } from '#bootloader/detect.ts';
import { grubConfig, type GrubOptions } from '#bootloader/grub.ts';
import { syslinuxText } from '#bootloader/syslinux.ts';
import { ubootText } from '#bootloader/uboot.ts';
import { writeUbootFiles } from '#bootloader/write-uboot-files.ts';
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

/** @throws UserError BAD_SYSLINUX, BAD_BLS, and what `generateGrub` throws */
export function writeLoaderConfig(
  sysroot: Sysroot,
  config: LoaderConfig,
  generateGrub?: GrubGenerator,
): void {
  const { bootloader } = config;
  writeUbootFiles(sysroot, config);
  if (bootloader === 'none') return;
  during(`writing the ${bootloader} configuration`, () => {
    const directory = `boot/loader.${config.bootversion}`;
    switch (bootloader) {
      case 'syslinux':
        return write(sysroot, `${directory}/syslinux.cfg`, syslinux(sysroot, config));
      case 'uboot':
        return write(
          sysroot,
          `${directory}/uEnv.txt`,
          ubootText(config.entries, ubootExtra(sysroot, config)),
        );
      case 'grub2':
        if (generateGrub?.({ file: `${directory}/grub.cfg`, bootversion: config.bootversion }) === true)
          return;
        return write(
          sysroot,
          `${directory}/grub.cfg`,
          grubConfig(config.entries, ownGrubOptions(sysroot, config)),
        );
      default:
        bootloader satisfies never;
    }
  });
}

function write({ sys, fd }: Sysroot, path: string, text: string): void {
  replaceFile(sys, fd, { path, text });
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
