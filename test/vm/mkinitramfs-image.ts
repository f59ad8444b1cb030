import fs from 'node:fs';
import path from 'node:path';
import { generatedInitramfs } from './generated-initramfs.ts';
import type { Kernel } from './kernel.ts';

const SETTINGS = 'MODULES=list\nBUSYBOX=auto\nKEYMAP=n\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\nFSTYPE=ext4\n';

/** An initramfs by the machine's mkinitramfs, with our hook. @param config prepare-root.conf of the machine @returns the file */
export async function mkinitramfsImage(kernel: Kernel, config: string): Promise<string> {
  const kernelConfig = `boot/config-${kernel.version}`;
  return await generatedInitramfs('mkinitramfs', {
    kernel,
    part: 'initramfs-tools',
    source: 'initramfs-tools-hook',
    files: {
      '/etc/ostree/prepare-root.conf': config,
      '/etc/initramfs-tools/initramfs.conf': SETTINGS,
      '/etc/initramfs-tools/modules': 'ext4\nvirtio_pci\nvirtio_blk\n',
      [`/${kernelConfig}`]: fs.readFileSync(path.join(kernel.root, kernelConfig), 'utf8'),
    },
    command: ['mkinitramfs', '-o', '/initramfs.img', kernel.version],
  });
}
