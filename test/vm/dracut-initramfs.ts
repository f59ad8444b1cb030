import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const MODULE = path.join(REPOSITORY, 'dracut-module/50ostree');
const UNIT = path.join(REPOSITORY, 'prepare-root/units/ostree-prepare-root.service');

/** What dracut takes in, less what only desktops and servers need. */
const SLIM = 'base systemd systemd-initrd ostree rootfs-block udev-rules fs-lib';
const DRIVERS = 'ext4 virtio_blk virtio_pci loop';

export interface DracutInput {
  readonly kernel: Kernel;
  /** The executable that becomes /usr/lib/ostree/ostree-prepare-root. */
  readonly program: string;
  /** prepare-root.conf of the system that makes the initramfs. */
  readonly config: string;
}

/** An initramfs by the machine's dracut, with our module in the place of the C program's. @returns the file */
export async function dracutInitramfs(name: string, input: DracutInput): Promise<string> {
  const { kernel, program, config } = input;
  const sources = [
    ...fs.readdirSync(MODULE).map((file) => path.join(MODULE, file)),
    ...[UNIT, program, path.join(GUEST, 'dracut.sh')],
  ].map((file) => fs.readFileSync(file));
  const inputs = [kernel.version, config, SLIM, DRIVERS, ...sources];
  const directory = await built(`dracut-${name}`, inputs, async (target) => {
    const stage = path.join(target, 'stage');
    layStage(stage, input);
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

function layStage(stage: string, input: DracutInput): void {
  const put = (file: string, name: string, mode: number) => {
    const to = path.join(stage, name);
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.copyFileSync(file, to);
    fs.chmodSync(to, mode);
  };
  const modules = 'usr/lib/dracut/modules.d';
  for (const file of fs.readdirSync(MODULE))
    put(path.join(MODULE, file), `${modules}/50ostree/${file}`, 0o755);
  put(input.program, 'usr/lib/ostree/ostree-prepare-root', 0o755);
  put(UNIT, 'usr/lib/systemd/system/ostree-prepare-root.service', 0o644);
  fs.writeFileSync(path.join(stage, 'usr/lib/ostree/prepare-root.conf'), input.config);
  // The module that the C program's package brings has the same name: an empty folder in its place hides it.
  fs.mkdirSync(path.join(stage, modules, '98ostree'));
  fs.writeFileSync(path.join(stage, modules, '98ostree/module-setup.sh'), 'check() { return 1; }\n', {
    mode: 0o755,
  });
}
