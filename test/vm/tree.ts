import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';

/** Files of an operating system's tree that boots: kernel and initramfs where OSTree looks for them. */
export interface TreeInput {
  readonly kernel: Kernel;
  /** null for a system that boots without. */
  readonly initramfs: string | null;
  readonly id: string;
  readonly version: string;
  readonly busybox?: string;
  /** More files: name → content. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A small system: a static shell, a script as PID 1 that reports and powers off. */
export function plainTree(root: string, input: TreeInput): void {
  layDirectories(root);
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, path.join(root, name));
  layCommon(root, input);
  install(root, path.join(GUEST, 'plain-init.sh'), 'usr/sbin/init');
}

/** Debian's systemd and what it needs to reach multi-user.target; a unit reports there and powers off. */
export async function systemdTree(root: string, packages: string, input: TreeInput): Promise<void> {
  fs.mkdirSync(root, { recursive: true });
  await runCommand('cp', ['-a', `${packages}/.`, root]);
  for (const name of ['boot', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/lib/modules', 'var'])
    fs.rmSync(path.join(root, name), { recursive: true, force: true });
  fs.rmSync(path.join(root, 'usr/etc'), { recursive: true, force: true });
  fs.renameSync(path.join(root, 'etc'), path.join(root, 'usr/etc'));
  layDirectories(root);
  layCommon(root, input);
  const units = path.join(root, 'usr/lib/systemd/system');
  fs.copyFileSync(path.join(GUEST, 'vm-report.service'), path.join(units, 'vm-report.service'));
  fs.mkdirSync(path.join(units, 'multi-user.target.wants'), { recursive: true });
  fs.symlinkSync('../vm-report.service', path.join(units, 'multi-user.target.wants/vm-report.service'));
  fs.symlinkSync('multi-user.target', path.join(root, 'usr/etc/systemd/system/default.target'));
  // Packages with scripts for dpkg are left out, base-passwd among them: this machine, a Debian too, has it.
  for (const name of ['passwd', 'group'])
    fs.copyFileSync(`/usr/share/base-passwd/${name}.master`, path.join(root, 'usr/etc', name));
}

function layDirectories(root: string): void {
  const names = ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var', 'usr/etc', 'usr/share'];
  for (const name of [...names, 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64'])
    fs.mkdirSync(path.join(root, name), { recursive: true });
  if (!fs.existsSync(path.join(root, 'ostree'))) fs.symlinkSync('sysroot/ostree', path.join(root, 'ostree'));
}

function layCommon(root: string, input: TreeInput): void {
  const { kernel, id, version } = input;
  const modules = path.join(root, 'usr/lib/modules', kernel.version);
  fs.mkdirSync(modules, { recursive: true });
  fs.copyFileSync(kernel.image, path.join(modules, 'vmlinuz'));
  if (input.initramfs !== null) fs.copyFileSync(input.initramfs, path.join(modules, 'initramfs.img'));
  const release = `NAME=${id}\nID=${id}\nVERSION_ID=${version}\nPRETTY_NAME="${id} ${version}"\n`;
  fs.rmSync(path.join(root, 'usr/lib/os-release'), { force: true });
  fs.writeFileSync(path.join(root, 'usr/lib/os-release'), release);
  fs.writeFileSync(path.join(root, 'usr/etc/machine-id'), '');
  fs.writeFileSync(path.join(root, 'usr/etc/hostname'), `${id}\n`);
  install(root, input.busybox ?? '/bin/busybox', 'usr/bin/busybox');
  install(root, path.join(GUEST, 'report.sh'), 'usr/share/vm-report.sh');
  for (const [name, text] of Object.entries(input.files ?? {})) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
  }
}

/** A program of this machine as `name` below `root`. */
export function install(root: string, file: string, name: string): void {
  fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  fs.copyFileSync(file, path.join(root, name));
  fs.chmodSync(path.join(root, name), 0o755);
}
