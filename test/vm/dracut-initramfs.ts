import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';
import { filesBelow, installed, REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';

const SOURCES = [
  'dracut-module',
  'prepare-root/units',
  'initramfs',
  'scripts/install.mjs',
  'test/vm/guest/dracut.sh',
];

/** What dracut takes in, less what only desktops and servers need. */
const SLIM = 'base systemd systemd-initrd ostree rootfs-block udev-rules fs-lib';
const DRIVERS = 'ext4 virtio_blk virtio_pci loop';

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
  const sources = SOURCES.flatMap(filesBelow).map((file) => fs.readFileSync(file));
  const inputs = [kernel.version, config, program, SLIM, DRIVERS, ...sources, ...programFiles(program)];
  const directory = await built(`dracut-${name}`, inputs, async (target) => {
    const stage = path.join(target, 'stage');
    await layStage(stage, input);
    const out = path.join(target, 'initramfs.img');
    const modules = path.join(kernel.root, 'usr/lib/modules');
    const options = ['--no-hostonly', '--no-hostonly-cmdline', '--reproducible', '--gzip'];
    const chosen = ['--modules', SLIM, '--drivers', DRIVERS];
    const args = [path.join(GUEST, 'dracut.sh'), stage, modules, out, kernel.version, ...options, ...chosen];
    const { stdout, stderr } = await runCommand('sh', args);
    fs.writeFileSync(path.join(target, 'dracut.log'), stdout + stderr);
    fs.rmSync(stage, { recursive: true });
  });
  return path.join(directory, 'initramfs.img');
}

function programFiles(program: DracutInput['program']): Buffer[] {
  const names = program === 'compact' ? ['ostree-prepare-root'] : ['ostree-prepare-root', 'yum-ostree'];
  return names.map((name) => fs.readFileSync(path.join(REPOSITORY, 'dist', name)));
}

/** What is laid over the machine's root: our parts as they are installed, the configuration, the choice of program. */
async function layStage(stage: string, input: DracutInput): Promise<void> {
  await installed(stage, ['programs', 'systemd', 'dracut']);
  fs.writeFileSync(path.join(stage, 'usr/lib/ostree/prepare-root.conf'), input.config);
  if (input.program === 'node') {
    fs.mkdirSync(path.join(stage, 'usr/bin'), { recursive: true });
    fs.copyFileSync(path.join(REPOSITORY, 'dist/yum-ostree'), path.join(stage, 'usr/bin/yum-ostree'));
    fs.mkdirSync(path.join(stage, 'etc/dracut.conf.d'), { recursive: true });
    fs.writeFileSync(path.join(stage, 'etc/dracut.conf.d/vm.conf'), 'ostree_program="/usr/bin/yum-ostree"\n');
  }
  // The module that the C program's package brings has the same name: an empty folder in its place hides it.
  const hidden = path.join(stage, 'usr/lib/dracut/modules.d/98ostree');
  fs.mkdirSync(hidden);
  fs.writeFileSync(path.join(hidden, 'module-setup.sh'), 'check() { return 1; }\n', { mode: 0o755 });
}
