/** `uEnv.txt` for U-Boot, as ostree writes it. */
import { menuFallback } from '#bootloader/fallback-marks.ts';
import { ubootFallbackLine } from '#bootloader/fallback-uboot.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';

const VARIABLES: readonly (readonly [key: string, variable: string])[] = [
  ['linux', 'kernel_image'],
  ['initrd', 'ramdisk_image'],
  ['devicetree', 'fdt_file'],
  ['fdtdir', 'fdtdir'],
];

/**
 * The text for the entries in the menu's order: variables of the first without a suffix, of the second with `2`, and so
 * on. `extra` (the default tree's own `usr/lib/ostree-boot/uEnv.txt`) follows the first entry as it is, with a
 * line end of ostree's. Where the first entry is on trial, a command for the other one comes last.
 */
export function ubootText(entries: readonly BlsEntry[], extra: string | null): string {
  const fallback = ubootFallbackLine(menuFallback(entries), entries, VARIABLES);
  const texts = entries.map((entry, index) => {
    const suffix = index === 0 ? '' : String(index + 1);
    const paths = VARIABLES.map(([key, variable]) => {
      const value = blsValue(entry, key);
      return value === null ? '' : `${variable}${suffix}=/boot${value}\n`;
    });
    const options = blsValue(entry, 'options');
    const bootargs = options === null ? '' : `bootargs${suffix}=${options}\n`;
    return paths.join('') + bootargs + (index === 0 && extra !== null ? `${extra}\n` : '');
  });
  return texts.join('') + fallback;
}
