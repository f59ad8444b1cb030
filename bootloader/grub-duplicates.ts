/** A GRUB menu that shows each deployment twice: by `blscfg`, and by what `15_ostree` generated. Pure. */

/**
 * Whether a grub.cfg has both. They come together where grub2-mkconfig ran with /etc/grub.d/15_ostree while GRUB reads the
 * boot entries itself; 15_ostree keeps silent only with GRUB_ENABLE_BLSCFG=true and /boot/grub2/.grub2-blscfg-supported.
 */
export function hasDuplicateMenu(text: string): boolean {
  const lines = text.split('\n').map((line) => line.trim());
  const readsEntries = lines.some((line) => line === 'blscfg' || line.startsWith('blscfg '));
  const hasStanzas = lines.some((line) => line.startsWith('linux') && line.includes(' ostree=/ostree/boot.'));
  return readsEntries && hasStanzas;
}
