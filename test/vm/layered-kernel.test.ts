/**
 * A kernel that is layered boots, with the initramfs that the tree's own dracut makes in the sandbox, and with a file of
 * /etc beside it. The base has another kernel, which is none.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { blsValue, overlayInitrds, parseBls } from '#ostree/format/bls.ts';
import { buildRpm, type RpmTestFile } from '#test/fixtures/rpm-build.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { boot, reportOf } from './boot.ts';
import { BOOKWORM, unpacked } from './debian-suite.ts';
import type { DeployedTree } from './deployed-disk.ts';
import { deployedDisk } from './deployed-disk.ts';
import { mounted } from './disk-image.ts';
import { KERNEL_ARGUMENTS, SYSTEMD_PACKAGES } from './disks.ts';
import type { GuestReport } from './guest-report.ts';
import { padded } from './initramfs-part.ts';
import { filesBelow, installed, REPOSITORY } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel, moduleFiles } from './kernel.ts';
import { systemdTree } from './tree.ts';

const TOOLS = 'dracut-core cpio gzip findutils coreutils sed grep mawk diffutils libc-bin'.split(' ');
const DRIVERS = ['ext4', 'virtio_blk', 'virtio_pci', 'loop', 'overlay', 'erofs'];
/** What dracut takes in: as much as this system needs to boot. */
const SETTINGS = `dracutmodules=" base systemd systemd-initrd ostree rootfs-block udev-rules fs-lib kernel-modules "
drivers=" ${DRIVERS.join(' ')} "
do_strip="no"
compress="gzip"
`;
/** What the disk is made from. */
const SOURCES = [
  'layering',
  'ostree',
  'bootloader',
  'cli',
  'dracut-module',
  'initramfs',
  'prepare-root/units',
].concat([
  'prepare-root/tmpfiles',
  'dist/ostree-prepare-root',
  'test/vm/guest',
  'test/vm/tree.ts',
  'test/vm/layered-kernel.test.ts',
]);
const READ_ONLY = '[sysroot]\nreadonly=true\n';
const FAILED = /Failed to start .*ostree-prepare-root\.service|emergency mode|Kernel panic/;

let kernel: Kernel;
let disk: string;
let deployed: {
  readonly options: string;
  readonly initrds: readonly Buffer[];
  readonly modules: readonly string[];
};

beforeAll(async () => {
  kernel = await distributionKernel(BOOKWORM);
  const packages = await unpacked(BOOKWORM, 'systemd-dracut', [...SYSTEMD_PACKAGES, ...TOOLS], 'closure');
  const contents = SOURCES.flatMap(filesBelow).map((file) => fs.readFileSync(file));
  const inputs = [kernel.version, packages, SETTINGS, ...contents];
  const made = await deployedDisk('layered-kernel', inputs, [baseTree(packages)], {
    shape: { megabytes: 1200 },
    finish: layerKernel,
  });
  disk = made.disk;
  deployed = await mounted(disk, (root) => Promise.resolve(deployedFiles(root)));
});

/** Debian's systemd with dracut and a database; its kernel cannot boot. */
function baseTree(packages: string): DeployedTree {
  const lay = async (root: string): Promise<void> => {
    const image = path.join(path.dirname(root), `${path.basename(root)}-image`);
    fs.writeFileSync(image, 'no kernel');
    const nothing = { ...kernel, version: '0-base', image };
    await systemdTree(root, packages, { kernel: nothing, initramfs: image, id: 'debian', version: '12' });
    fs.rmSync(image);
    await installed(root, ['programs', 'systemd', 'dracut']);
    fs.mkdirSync(path.join(root, 'usr/lib/dracut/dracut.conf.d'), { recursive: true });
    fs.writeFileSync(path.join(root, 'usr/lib/dracut/dracut.conf.d/small.conf'), SETTINGS);
    if (!fs.existsSync(path.join(root, 'usr/bin/sh'))) fs.symlinkSync('bash', path.join(root, 'usr/bin/sh'));
    fs.symlinkSync('mawk', path.join(root, 'usr/bin/awk'));
    const rpm = buildRpm(path.join(root, 'packages'), { name: 'base', files: [{ path: '/usr/share/base' }] });
    const how = ['--root', root, '--dbpath', '/usr/share/rpm', '--nodeps', '--nosignature', '--force-debian'];
    await runCommand('rpm', [...how, '-i', rpm]);
    fs.rmSync(path.join(root, 'packages'), { recursive: true });
  };
  return { stateroot: 'debian', kernelArguments: [...KERNEL_ARGUMENTS, 'quiet'], lay };
}

/** By our client, on the sysroot that is not booted. */
async function layerKernel(root: string): Promise<void> {
  const files = fs.mkdtempSync('/var/tmp/yum-ostree-vm-kernel-');
  try {
    const rpm = buildRpm(files, await kernelPackage());
    yumOstree(root, ['install', rpm, '--no-gpgchecks']);
    const [etc = ''] = fs
      .globSync(path.join(root, 'ostree/deploy/debian/deploy/*.0/etc'))
      .filter((found) => fs.existsSync(path.join(path.dirname(found), 'usr/lib/modules', kernel.version)));
    fs.mkdirSync(path.join(etc, 'ostree'), { recursive: true });
    fs.writeFileSync(path.join(etc, 'ostree/prepare-root.conf'), READ_ONLY);
    yumOstree(root, ['initramfs-etc', '--track=/etc/ostree/prepare-root.conf']);
  } finally {
    fs.rmSync(files, { recursive: true });
  }
}

async function kernelPackage() {
  const modules = path.join(kernel.root, 'usr/lib/modules', kernel.version);
  const drivers = (await moduleFiles(kernel, DRIVERS)).map((file) => fs.realpathSync(file));
  const names = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'];
  const files = [...new Set(drivers), ...names.map((name) => path.join(modules, name))];
  const below = `/usr/lib/modules/${kernel.version}`;
  const copied = files
    .filter((file) => fs.existsSync(file))
    .map((file): RpmTestFile => ({
      path: below + file.slice(file.indexOf(kernel.version) + kernel.version.length),
      content: fs.readFileSync(file),
    }));
  const image = { path: `${below}/vmlinuz`, content: fs.readFileSync(kernel.image) };
  return { name: 'kernel-core', arch: 'x86_64', files: [...copied, image] } as const;
}

function yumOstree(root: string, words: readonly string[]): void {
  const client = path.join(REPOSITORY, 'cli/bin/yum-ostree');
  const { status, stdout, stderr } = spawnSync(process.execPath, [client, `--sysroot=${root}`, ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0)
    throw new Error(`yum-ostree ${words.join(' ')} ended with ${status}:\n${stderr}${stdout}`);
}

/** What a boot loader would load for the default entry. */
function deployedFiles(root: string): typeof deployed {
  const directory = path.join(root, 'boot/loader/entries');
  const entries = fs
    .readdirSync(directory)
    .map((name) => parseBls(fs.readFileSync(path.join(directory, name), 'utf8')));
  const [entry] = entries.sort((a, b) => Number(blsValue(b, 'version')) - Number(blsValue(a, 'version')));
  if (entry === undefined) throw new Error('there is no boot entry');
  const read = (file: string): Buffer => fs.readFileSync(path.join(root, 'boot', file));
  const options = blsValue(entry, 'options') ?? '';
  const [link = ''] = /ostree=(\S+)/.exec(options)?.slice(1) ?? [];
  return {
    options,
    initrds: [blsValue(entry, 'initrd') ?? '', ...overlayInitrds(entry)].map(read),
    modules: fs.readdirSync(path.join(fs.realpathSync(path.join(root, link)), 'usr/lib/modules')),
  };
}

async function bootWith(name: string, initrds: readonly Buffer[]): Promise<GuestReport> {
  const machine = { kernel, disk, commandLine: deployed.options, memory: 1024, limit: 1000, until: FAILED };
  return reportOf(await boot({ ...machine, name, initramfs: initrds.map(padded), countInstructions: true }));
}

test('the layered kernel boots to multi-user.target, with the tracked file beside its initramfs', async () => {
  expect(deployed.modules).toEqual([kernel.version]);
  expect(deployed.initrds).toHaveLength(2);
  const report = await bootWith('layered-kernel', deployed.initrds);
  expect(report.facts.get('multi-user')).toBe('active');
  expect(report.facts.get('failed-units')).toBe('');
  expect(report.writable.get('/sysroot')).toBe(false);
});

test('without that file it boots as well, and nothing makes the physical root read-only', async () => {
  const report = await bootWith('layered-kernel-alone', deployed.initrds.slice(0, 1));
  expect(report.facts.get('multi-user')).toBe('active');
  expect(report.writable.get('/sysroot')).toBe(true);
});
