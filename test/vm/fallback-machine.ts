/** A machine that a boot loader starts again and again, with the fallback model on; this machine deploys on its disk. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { compactPrepareRoot, compactProgram } from '#test/fixtures/compact-program.ts';
import { onBootedMachine, OURS } from '#test/root/booted-machine.ts';
import { VM_BUILD } from './build-cache.ts';
import { commitTree, deployedDisk, type DeployedTree } from './deployed-disk.ts';
import { mounted, ourOstree } from './disk-image.ts';
import { configPart, executable, filesPart, padded, PREPARE_ROOT } from './initramfs-part.ts';
import { filesBelow, REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { partitioned, PARTITION_OFFSET, powerOn } from './loaders-machine.ts';
import { GUEST, miniInitramfs } from './mini-initramfs.ts';
import { install, plainTree } from './tree.ts';

export const STATEROOT = 'testos';
/** Of each new deployment. */
export const TRIES = 2;
/** Version 1 is deployed, 2 is good too, 3 panics, the kernel of 4 is none. */
export type Version = '1' | '2' | '3' | '4';
const BAD: Version = '3';
const WITHOUT_KERNEL: Version = '4';

export interface Loader {
  readonly name: 'grub' | 'grub-counting' | 'uboot' | 'syslinux';
  readonly kernel: Kernel;
  readonly busybox: string;
  readonly kernelArguments: readonly string[];
  readonly bootloader: string;
  /** mkfs.ext4's -O. */
  readonly features?: string;
  /** Files of the deployments' /etc. */
  readonly etc: Readonly<Record<string, string>>;
  /** What leads to the loader's configuration: its place below the sysroot and the link's target. */
  readonly link: { readonly at: string; readonly target: string };
  /** Puts the boot loader on a disk with one partition. */
  readonly install: (disk: string) => Promise<Installed>;
  readonly countInstructions?: boolean;
  /** Before the machine is turned on: what the loader would do itself. */
  readonly before?: (root: string) => void;
}

/** What QEMU needs beside that disk. */
export interface Installed {
  readonly program: string;
  readonly args: readonly string[];
  /** More disks, after it. */
  readonly drives: readonly string[];
}

export interface FallbackMachine {
  /** Turns it on as often as it starts itself anew. @returns what was told at each start, a word before each line */
  readonly run: (name: string, seconds: number) => Promise<string[][]>;
  /** Has the system that boots next do something, once. */
  readonly once: (script: string) => Promise<void>;
  /** Deploys a version, as on the machine that runs another one. `script`: what is done before. */
  readonly deploy: (version: Version, running: Version, script?: string) => Promise<void>;
  /** Works on the mounted disk. */
  readonly change: <T>(action: (root: string) => T) => Promise<T>;
}

const MOST_STARTS = 8;

export async function fallbackMachine(loader: Loader): Promise<FallbackMachine> {
  const disk = await partitioned(await deployed(loader), `fallback-${loader.name}`);
  const { program, args, drives } = await loader.install(disk);
  const { countInstructions = false } = loader;
  const machine = [...args, '-drive', `file=${disk},format=raw,if=virtio`, ...drives];
  const onDisk = <T>(action: (root: string) => T): Promise<T> =>
    mounted(disk, (root) => Promise.resolve(action(root)), PARTITION_OFFSET);
  return {
    run: async (name, seconds) => {
      const said: string[][] = [];
      for (;;) {
        await onDisk((root) => loader.before?.(root));
        const log = `fallback-${loader.name}-${name}-${said.length + 1}`;
        const console = await powerOn(program, machine, {
          name: log,
          seconds,
          countInstructions,
        });
        said.push(await onDisk(takeTold));
        if (said.at(-1)?.at(-1) === 'end off') return said;
        if (said.length === MOST_STARTS)
          throw new UserError(
            'COMMAND_FAILED',
            `${log}: it starts again and again:\n${console.slice(-2000)}`,
          );
      }
    },
    once: (script) =>
      onDisk((root) => {
        fs.writeFileSync(path.join(root, `ostree/deploy/${STATEROOT}/var/vm-once`), script);
      }),
    deploy: (version, running, script = '') =>
      onDisk((root) => {
        const words = `${script}\nOSTREE_GRUB2_EXEC= ${OURS} admin deploy --os=${STATEROOT} ${branchOf(version)}`;
        const done = onBootedMachine(root, deploymentOf(root, running), words);
        if (done.status !== 0)
          throw new UserError('COMMAND_FAILED', `${words}: ${done.stdout}${done.stderr}`);
      }),
    change: onDisk,
  };
}

/** What guest/fallback-init.sh has told since the last time. */
function takeTold(root: string): string[] {
  const file = path.join(root, `ostree/deploy/${STATEROOT}/var/vm-told`);
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  fs.rmSync(file, { force: true });
  return text.split('\n').slice(0, -1);
}

/** The directory of a version's deployment below the sysroot. */
export function deploymentOf(root: string, version: Version): string {
  const words = [`--repo=${root}/ostree/repo`, 'rev-parse', branchOf(version)];
  const { stdout } = spawnSync('ostree', words, { encoding: 'utf8' });
  return `ostree/deploy/${STATEROOT}/deploy/${stdout.trim()}.0`;
}

/** As `deployedDisk` names them. */
function branchOf(version: Version): string {
  return `vm/${STATEROOT}/${Number(version) - 1}`;
}

async function deployed(loader: Loader): Promise<string> {
  const { kernel, busybox, name, features } = loader;
  const architecture = kernel.architecture === 'amd64' ? 'x86-64' : 'aarch64';
  const programs = {
    prepareRoot: compactPrepareRoot(architecture),
    boot: compactProgram('yum-ostree-boot', architecture),
  };
  const initramfs = path.join(VM_BUILD, `fallback-initramfs-${name}.img`);
  const parts = [
    await miniInitramfs(kernel, busybox),
    filesPart([executable(PREPARE_ROOT, programs.prepareRoot)]),
    // No systemd mounts /var and /boot.
    configPart('[sysroot]\nreadonly=true\n[yum-ostree]\nmount-var=true\n'),
  ];
  fs.writeFileSync(initramfs, Buffer.concat(parts.map(padded)));
  const lay = (version: Version) => (root: string) => {
    const etc = Object.entries(loader.etc).map(([file, text]) => [`usr/etc/${file}`, text] as const);
    const files = { ...Object.fromEntries(etc), ...(version === BAD ? { 'usr/share/vm-bad': '' } : {}) };
    plainTree(root, { kernel, initramfs, id: STATEROOT, version, busybox, files });
    if (version === WITHOUT_KERNEL)
      fs.writeFileSync(path.join(root, 'usr/lib/modules', kernel.version, 'vmlinuz'), 'damaged');
    install(root, path.join(GUEST, 'fallback-init.sh'), 'usr/sbin/init');
    install(root, programs.boot, 'usr/bin/yum-ostree-boot');
  };
  const first: DeployedTree = {
    stateroot: STATEROOT,
    lay: lay('1'),
    kernelArguments: loader.kernelArguments,
  };
  const sources = ['bootloader', 'test/vm/guest', 'test/vm/fallback-machine.ts'].flatMap(filesBelow);
  const inputs = [...sources, programs.boot, programs.prepareRoot].map((file) => fs.readFileSync(file));
  const { disk } = await deployedDisk(`fallback-${name}`, [kernel.version, ...inputs], [first], {
    shape: { megabytes: 500, ...(features === undefined ? {} : { features }) },
    config: { 'sysroot.bootloader': loader.bootloader },
    finish: async (root) => {
      const repo = `--repo=${root}/ostree/repo`;
      for (const version of ['2', '3', '4'] as const)
        await commitTree(lay(version), [repo, `--branch=${branchOf(version)}`]);
      fs.mkdirSync(path.dirname(path.join(root, loader.link.at)), { recursive: true });
      fs.symlinkSync(loader.link.target, path.join(root, loader.link.at));
      // Writes the loader's configuration where the link leads.
      const setKargs = ['admin', 'instutil', 'set-kargs', `--sysroot=${root}`, '--merge'];
      await ourOstree([...setKargs, '--append=from=loader']);
      await ourOstree([repo, 'config', 'set', 'yum-ostree.fallback-tries', String(TRIES)]);
    },
  });
  return disk;
}

/** A path as it is seen on the machine of `onBootedMachine`. */
export function onThatMachine(file: string): string {
  return path.join('/tmp/project', path.relative(REPOSITORY, file));
}
