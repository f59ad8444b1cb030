/** A GRUB menu that shows each deployment twice: by `blscfg`, and by what `15_ostree` generated. Pure. */

/**
 * Whether a grub.cfg has both. They come together where grub2-mkconfig ran with /etc/grub.d/15_ostree while GRUB reads the
 * boot entries itself; 15_ostree keeps silent only with GRUB_ENABLE_BLSCFG=true and /boot/grub2/.grub2-blscfg-supported.
 */
export function hasDuplicateMenu(text: string): boolean {
  const lines = text.split('\n');
  const hasStanzas = lines.some(
    (line) => line.trim().startsWith('linux') && line.includes(' ostree=/ostree/boot.'),
  );
  return lines.some((line) => isCommand(line, 'blscfg')) && hasStanzas;
}

/**
 * Whether the next grub2-mkconfig makes such a grub.cfg of one that reads the boot entries.
 * @param script whether the deployment's 15_ostree is there, and executable
 * @param defaults the text of its /etc/default/grub
 * @param isMarked whether there is /boot/grub2/.grub2-blscfg-supported
 */
export function willBeDuplicate(
  text: string,
  {
    script,
    defaults,
    isMarked,
  }: { readonly script: boolean; readonly defaults: string; readonly isMarked: boolean },
): boolean {
  const isSilent =
    isMarked &&
    defaults.split('\n').some((line) => line.trim().split('"').join('') === 'GRUB_ENABLE_BLSCFG=true');
  return script && !isSilent && text.split('\n').some((line) => isCommand(line, 'blscfg'));
}

/** Whether a line of a grub.cfg is that command, with arguments or without. */
export function isCommand(line: string, command: string): boolean {
  const text = line.trim();
  return text === command || text.startsWith(`${command} `);
}
