import path from 'node:path';
import { generatedInitramfs } from './generated-initramfs.ts';
import { REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';

/** What dracut takes in, less what only desktops and servers need. */
const SLIM = 'base systemd systemd-initrd ostree rootfs-block udev-rules fs-lib';
const DRIVERS = 'ext4 virtio_blk virtio_pci loop';
const OPTIONS = ['--force', '--no-hostonly', '--no-hostonly-cmdline', '--reproducible', '--gzip'];
const NODE_PROGRAM = '/usr/bin/yum-ostree';

export interface DracutInput {
  readonly kernel: Kernel;
  /** `compact`: dist/ostree-prepare-root; `node`: dist/yum-ostree, by the module's option `ostree_program`. */
  readonly program: 'compact' | 'node';
  /** prepare-root.conf of the system that makes the initramfs. */
  readonly config: string;
}

/** An initramfs by the machine's dracut, with our module in the place of the C program's. @returns the file */
export async function dracutInitramfs(name: string, input: DracutInput): Promise<string> {
  const { kernel, program, config } = input;
  const node = program === 'node';
  const chosen = ['--modules', SLIM, '--drivers', DRIVERS];
  return await generatedInitramfs(`dracut-${name}`, {
    kernel,
    part: 'dracut',
    source: 'dracut-module',
    files: {
      '/usr/lib/ostree/prepare-root.conf': config,
      // The module that the C program's package brings has the same name: an empty one in its place hides it.
      '/usr/lib/dracut/modules.d/98ostree/module-setup.sh': '#!/bin/bash\ncheck() { return 1; }\n',
      ...(node ? { '/etc/dracut.conf.d/vm.conf': `ostree_program="${NODE_PROGRAM}"\n` } : {}),
    },
    copies: node ? { [NODE_PROGRAM]: path.join(REPOSITORY, 'dist/yum-ostree') } : {},
    command: ['dracut', ...OPTIONS, ...chosen, '/initramfs.img', kernel.version],
  });
}
