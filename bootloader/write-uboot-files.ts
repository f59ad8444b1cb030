/** `extlinux.conf` and `boot.scr` in `loader.B`, where the machine's links ask for them. */
import {
  bootCommand,
  bootScript,
  KERNEL_HEAD,
  scriptImage,
  type BootCommand,
} from '#bootloader/boot-script.ts';
import { BOOT_SCRIPT, EXTLINUX, leadsTo } from '#bootloader/detect.ts';
import { extlinuxText } from '#bootloader/extlinux.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { keyFileList } from '#ostree/format/keyfile.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { bootFileOf } from '#bootloader/entries.ts';

export interface UbootFiles {
  /** The side that is written. */
  readonly bootversion: Bit;
  /** In the menu's order. */
  readonly entries: readonly BlsEntry[];
  readonly bootPrefix: boolean;
}

/**
 * Each is written where its usual place is a link to it, as `/boot/boot.scr -> loader/boot.scr`: the rename of
 * `/boot/loader` switches it with the entries. A file of somebody else in that place is left alone.
 * @throws UserError BAD_REPO, BAD_BLS
 */
export function ubootFiles(
  sysroot: Sysroot,
  { bootversion, entries, bootPrefix }: UbootFiles,
): { readonly path: string; readonly text: string | Uint8Array }[] {
  const directory = `boot/loader.${bootversion}`;
  const options = { prefix: bootPrefix ? '' : '/boot', overlays: overlaysOf(sysroot) };
  const files = [];
  if (leadsTo(sysroot, EXTLINUX))
    files.push({
      path: `${directory}/extlinux.conf`,
      text: during('writing extlinux.conf', () =>
        extlinuxText(sysroot.sys.readText(sysroot.fd, EXTLINUX.path) ?? '', entries, options),
      ),
    });
  if (leadsTo(sysroot, BOOT_SCRIPT))
    files.push({
      path: `${directory}/boot.scr`,
      text: during('writing boot.scr', () => {
        const list = entries.map((bls) => ({ bls, command: commandFor(sysroot, bls) }));
        return scriptImage(bootScript(list, options), 'ostree');
      }),
    });
  return files;
}

/** `[yum-ostree] devicetree-overlays`, names below a deployment's directory of device trees. */
function overlaysOf({ repo }: Sysroot): readonly string[] {
  const names = keyFileList(repo.config, 'yum-ostree', 'devicetree-overlays') ?? [];
  for (const name of names) {
    const isSafe = [...name].every((c) => c > ' ' && !`'"\\$;&|<>\``.includes(c));
    if (name === '' || name.startsWith('/') || name.split('/').includes('..') || !isSafe)
      throw new UserError('BAD_REPO', `yum-ostree.devicetree-overlays has the name '${name}'`, {
        hint: 'names are relative to the directory of device trees, as overlays/uart.dtbo',
      });
  }
  return names;
}

function commandFor({ sys, fd }: Sysroot, bls: BlsEntry): BootCommand {
  const kernel = sys.open(fd, bootFileOf(blsValue(bls, 'linux') ?? ''), ['read']);
  try {
    return bootCommand(sys.read(kernel, KERNEL_HEAD));
  } finally {
    sys.close(kernel);
  }
}
