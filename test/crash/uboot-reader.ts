/** What U-Boot reads from disks, by its own drivers: the real one, in QEMU's arm64 machine. */
import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { run } from '../root/sysroot-fixture.ts';
import { makePartitionedDisk, mountDisk } from './partitioned-disk.ts';

export const UBOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';

/** The system that uEnv.txt names, as U-Boot would start it. */
export interface LoadedByUboot {
  readonly bootargs: string;
  /** CRC-32 of the files, in hexadecimal; null where they cannot be read. */
  readonly kernel: string | null;
  readonly initramfs: string | null;
}

/** PCI devices that fit into the machine beside the disk with the script. */
const DISKS = 24;
const SECONDS = 300;

/** One a disk, in an order that U-Boot chooses. `scratch` is a folder for what it needs. */
export async function loadByUboot(disks: readonly string[], scratch: string): Promise<LoadedByUboot[]> {
  const found: LoadedByUboot[] = [];
  for (let first = 0; first < disks.length; first += DISKS)
    found.push(...(await loadAtOnce(disks.slice(first, first + DISKS), scratch)));
  return found;
}

async function loadAtOnce(disks: readonly string[], scratch: string): Promise<LoadedByUboot[]> {
  const drives = [scriptDisk(disks.length + 1, scratch), ...disks].flatMap((disk) => [
    '-drive',
    `file=${disk},format=raw,if=virtio,snapshot=on`,
  ]);
  const machine = ['-machine', 'virt', '-cpu', 'cortex-a57', '-m', '256', '-bios', UBOOT, '-no-reboot'];
  const quiet = ['-nic', 'none', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'];
  const { stdout } = await runCommand('qemu-system-aarch64', [...machine, ...quiet, ...drives], {
    signal: AbortSignal.timeout(SECONDS * 1000),
  });
  const told = stdout.replaceAll('\r', '').split('@@disk\n').slice(1);
  const systems = told.filter((text) => text.includes('@@end'));
  if (systems.length !== disks.length)
    throw new Error(`U-Boot read ${systems.length} of ${disks.length} disks:\n${stdout.slice(-3000)}`);
  return systems.map((text) => ({
    bootargs: /^bootargs=(.*)$/m.exec(text)?.[1] ?? '',
    kernel: checksumIn(text, 'kernel'),
    initramfs: checksumIn(text, 'initramfs'),
  }));
}

function checksumIn(text: string, what: string): string | null {
  return new RegExp(`^@@${what}\\n(?:.*\\n)?crc32 for .* ==> ([0-9a-f]{8})$`, 'm').exec(text)?.[1] ?? null;
}

/** A disk with a script that U-Boot finds and runs: it looks at all disks, and powers off. */
function scriptDisk(count: number, scratch: string): string {
  const files = path.join(scratch, 'script');
  fs.mkdirSync(files, { recursive: true });
  const load = (what: string, variable: string): string[] => [
    `echo @@${what}`,
    `if load virtio \${n}:1 \${loadaddr} \${${variable}}; then crc32 \${loadaddr} \${filesize}; fi`,
  ];
  const numbers = Array.from({ length: count }, (_, number) => number.toString(16));
  const script = [
    `for n in ${numbers.join(' ')}; do`,
    'setenv kernel_image; setenv ramdisk_image; setenv bootargs',
    'if load virtio ${n}:1 ${loadaddr} /boot/loader/uEnv.txt; then',
    'echo @@disk',
    'env import -t ${loadaddr} ${filesize} kernel_image ramdisk_image bootargs',
    'printenv bootargs',
    ...load('kernel', 'kernel_image'),
    ...load('initramfs', 'ramdisk_image'),
    'echo @@end',
    'else echo @@unread ${n}; fi',
    'done',
    'poweroff',
  ];
  fs.writeFileSync(path.join(files, 'script.txt'), script.map((line) => `${line}\n`).join(''));
  const image = ['-A', 'arm64', '-O', 'linux', '-T', 'script', '-C', 'none', '-d', 'script.txt', 'boot.scr'];
  run('sh', ['-c', 'cd "$0" && mkimage "$@"', files, ...image]);
  const disk = path.join(scratch, 'script.img');
  const { root, unmount } = mountDisk(
    disk,
    makePartitionedDisk(disk, ['plain ext4']),
    path.join(scratch, 'script-disk'),
  );
  fs.copyFileSync(path.join(files, 'boot.scr'), path.join(root, 'boot.scr'));
  unmount();
  return disk;
}
