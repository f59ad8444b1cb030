/**
 * A grub.cfg that counts as Fedora's does (08_fallback_counting), for Debian's GRUB: which has no `decrement`, and no
 * `blscfg`, so that a file with the entries stands for the menu that GRUB would make of them.
 */
import fs from 'node:fs';
import path from 'node:path';

/** Of the sysroot. */
const DIRECTORY = 'boot/grub';

const CONFIG = `set timeout=0
set default=0
if [ -s $prefix/grubenv ]; then load_env; fi
if [ -n "\${boot_counter}" -a "\${boot_success}" = "0" ]; then
  if [ "\${boot_counter}" = "0" -o "\${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  elif [ "\${boot_counter}" = "1" ]; then set boot_counter=0
  elif [ "\${boot_counter}" = "2" ]; then set boot_counter=1
  fi
  save_env boot_counter
fi
function blscfg { source $prefix/menu.cfg; }
blscfg
set boot_success=0
save_env boot_success
`;

/** The file's place below the sysroot. */
export const COUNTING_CONFIG = `${DIRECTORY}/counting.cfg`;

export function writeCountingConfig(root: string): void {
  fs.writeFileSync(path.join(root, COUNTING_CONFIG), CONFIG);
  writeEntryMenu(root);
}

/** What blscfg makes of the entries: the first of the names' reverse order first. */
export function writeEntryMenu(root: string): void {
  const directory = path.join(root, 'boot/loader/entries');
  const entries = fs
    .readdirSync(directory)
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => {
      const text = fs.readFileSync(path.join(directory, name), 'utf8');
      const value = (key: string): string => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? '';
      return `menuentry '${value('title')}' {\nlinux /boot${value('linux')} ${value('options')}\ninitrd /boot${value('initrd')}\n}\n`;
    });
  fs.writeFileSync(path.join(root, DIRECTORY, 'menu.cfg'), entries.join(''));
}
