import fs from 'node:fs';
import { grubConfig } from '#bootloader/grub.ts';
import { syslinuxText } from '#bootloader/syslinux.ts';
import { ubootText } from '#bootloader/uboot.ts';
import { parseBls } from '#ostree/format/bls.ts';
import type { BootedBy } from '#test/demo/sysroot.ts';

/**
 * What each boot loader reads for these entries. A machine has one of them; the sysroot of the demo has none, so
 * the three beside BLS are generated here from the entries it does have.
 */
export function loaderTexts(entries: readonly BootedBy[]): Record<string, string> {
  const files = entries.map((entry) => fs.readFileSync(entry.file, 'utf8'));
  const parsed = files.map(parseBls);
  const grub = {
    suffix: '',
    deviceId: 'root',
    prefix: '/boot',
    prepareRoot: 'search --label --set root root',
  } as const;
  return {
    'BLS (loader/entries)': files.join('\n'),
    'GRUB (grub.cfg)': grubConfig(parsed, grub),
    'syslinux (syslinux.cfg)': syslinuxText('TIMEOUT 30\n', parsed, false),
    'U-Boot (uEnv.txt)': ubootText(parsed, ''),
  };
}
