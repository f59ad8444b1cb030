import fs from 'node:fs';
import path from 'node:path';
import { MKINITCPIO_FUNCTIONS } from '#test/root/mkinitcpio-functions.ts';
import { generatedInitramfs } from './generated-initramfs.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';

const guest = (name: string) => fs.readFileSync(path.join(GUEST, name), 'utf8');

/** Where mkinitcpio's source is unpacked; Debian has no package of it, and nothing of it may be a part of this project. */
export const MKINITCPIO_SOURCE = process.env['MKINITCPIO_SOURCE'];

/** An initramfs by our install hook and functions as mkinitcpio's manual page describes them. @returns the file */
export async function mkinitcpioFunctionsImage(kernel: Kernel, config: string): Promise<string> {
  return await generatedInitramfs('mkinitcpio-functions', {
    kernel,
    part: 'mkinitcpio',
    source: 'mkinitcpio-hook',
    files: {
      '/etc/ostree/prepare-root.conf': config,
      '/functions.sh': MKINITCPIO_FUNCTIONS,
      '/mkinitcpio-init.sh': guest('mkinitcpio-init.sh'),
      '/make.sh': guest('mkinitcpio-functions.sh'),
    },
    command: ['bash', '/make.sh', kernel.version],
  });
}

/** An initramfs by mkinitcpio from its source. @returns the file */
export async function mkinitcpioImage(kernel: Kernel, config: string, source: string): Promise<string> {
  return await generatedInitramfs('mkinitcpio', {
    kernel,
    part: 'mkinitcpio',
    source: 'mkinitcpio-hook',
    files: { '/etc/ostree/prepare-root.conf': config, '/make.sh': guest('mkinitcpio.sh') },
    copies: { '/usr/src/mkinitcpio': source },
    command: ['bash', '/make.sh', kernel.version],
  });
}
