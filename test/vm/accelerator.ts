import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { built } from './build-cache.ts';
import { executable, EXECUTABLE, filesPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';

/** How QEMU runs a guest. */
export type Accelerator = 'kvm' | 'tcg';

const WORD = '@@accelerated';
/** Of a boot that takes two where the processor helps. */
const SECONDS = 20;

/**
 * `kvm` where a boot with it comes to its end, `tcg` (emulation) elsewhere. That /dev/kvm is there does not tell: inside
 * a virtual machine it may abort, or be slower than emulation by far. Found out once, and again for another kernel here.
 */
export async function accelerator(kernel: Kernel): Promise<Accelerator> {
  if (os.arch() !== 'x64' || kernel.architecture !== 'amd64' || !fs.existsSync('/dev/kvm')) return 'tcg';
  const inputs = [os.release(), os.cpus()[0]?.model ?? '', kernel.version];
  const directory = await built('accelerator', inputs, async (target) => {
    const works = await comesToItsEnd(kernel, path.join(target, 'initramfs'));
    fs.writeFileSync(path.join(target, 'name'), works ? 'kvm' : 'tcg');
  });
  return fs.readFileSync(path.join(directory, 'name'), 'utf8') as Accelerator;
}

async function comesToItsEnd(kernel: Kernel, initramfs: string): Promise<boolean> {
  const init = `#!/bin/busybox sh\necho ${WORD}\n/bin/busybox poweroff -f\n`;
  const files = [executable('bin/busybox', '/bin/busybox'), { name: 'init', text: init, mode: EXECUTABLE }];
  fs.writeFileSync(initramfs, filesPart(files));
  const quiet = ['-display', 'none', '-monitor', 'none', '-nic', 'none', '-no-reboot', '-serial', 'stdio'];
  const boot = ['-kernel', kernel.direct, '-initrd', initramfs, '-append', 'console=ttyS0 panic=-1'];
  const machine = ['-accel', 'kvm', '-cpu', 'host', '-m', '512'];
  return await new Promise((resolve) => {
    const child = spawn('qemu-system-x86_64', [...machine, ...quiet, ...boot], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: SECONDS * 1000,
      killSignal: 'SIGKILL',
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    child.on('error', () => {
      resolve(false);
    });
    child.on('close', (code) => {
      resolve(code === 0 && text.includes(`\n${WORD}`));
    });
  });
}
