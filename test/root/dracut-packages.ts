/** Packages that a tree needs to make its own initramfs: this machine's dracut, and kernels with real modules. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';
import type { RpmTestFile, RpmTestPackage } from '#test/fixtures/rpm-build.ts';

/** What dracut and its module `base` call, besides the programs that every test system has. */
export const DRACUT_PROGRAMS =
  '/usr/bin/cpio /usr/bin/gzip /usr/bin/find /usr/bin/xargs /usr/bin/sort /usr/bin/tr /usr/bin/cut /usr/bin/uniq /usr/bin/wc /usr/bin/head /usr/bin/tail /usr/bin/stat /usr/bin/readlink /usr/bin/realpath /usr/bin/dirname /usr/bin/basename /usr/bin/mktemp /usr/bin/grep /usr/bin/egrep /usr/bin/awk /usr/bin/date /usr/bin/dd /usr/bin/ldd /usr/bin/getopt /usr/bin/flock /usr/bin/uname /usr/bin/sync /usr/bin/rmdir /usr/bin/tee /usr/bin/cmp /usr/bin/diff /usr/bin/kmod /usr/sbin/depmod /usr/sbin/modprobe /usr/sbin/rmmod /usr/sbin/insmod /usr/bin/mount /usr/bin/umount /usr/bin/findmnt /usr/bin/zcat /usr/bin/du /usr/bin/mknod /usr/bin/dmesg /usr/bin/mkfifo /usr/bin/setsid /usr/bin/udevadm /usr/sbin/blkid /usr/sbin/switch_root /usr/sbin/chroot /usr/bin/nproc /usr/bin/expr /usr/bin/printf /usr/bin/test /usr/bin/timeout /usr/bin/seq'.split(
    ' ',
  );

const PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';
const REPOSITORY = path.join(import.meta.dirname, '../..');

/** dracut-core of this machine, our module with its program, and settings that make a small image. */
export function dracutPackages(): RpmTestPackage[] {
  const listed = execFileSync('dpkg', ['-L', 'dracut-core'], { encoding: 'utf8' }).split('\n');
  const files = listed
    .filter((file) => /^\/usr\/(bin|lib\/dracut)\//.test(file))
    .flatMap((file): RpmTestFile[] => fileOfMachine(file));
  const drivers = 'add_drivers+=" overlay erofs "\ndrivers=" loop "\n';
  const settings = `dracutmodules=" base kernel-modules "\n${drivers}compress="gzip"\ndo_strip="no"\n`;
  return [
    { name: 'dracut', arch: 'x86_64', files },
    {
      name: 'dracut-ostree',
      arch: 'x86_64',
      files: [
        ...folder('dracut-module/50ostree', '/usr/lib/dracut/modules.d/50ostree'),
        ...folder('initramfs', '/usr/lib/ostree'),
        { path: '/usr/lib/systemd/systemd-udevd', kind: 'symlink', target: '/usr/bin/udevadm' },
        { path: '/usr/bin/kernel-install', content: '#!/bin/sh\nexit 1\n', mode: 0o755 },
        { path: PREPARE_ROOT, content: fs.readFileSync(compactPrepareRoot()), mode: 0o755 },
        { path: '/usr/lib/dracut/dracut.conf.d/small.conf', content: settings },
      ],
    },
  ];
}

export interface KernelPackage {
  readonly version: string;
  /** Of the package; the kernel's image holds it. */
  readonly release?: string;
  readonly name?: string;
  /** Where it has its image: beside the modules, or in /boot as others have it. */
  readonly place?: 'modules' | 'boot';
}

/** A kernel with modules of Debian's, whose own scripts fail where they run. */
export async function kernelPackage(kernel: KernelPackage): Promise<RpmTestPackage> {
  const { version, name = 'kernel-core', release = '1', place = 'modules' } = kernel;
  const { base } = await prepareInputs({ directory: INPUTS_DIRECTORY, report: () => undefined });
  const source = path.join(base.path, 'usr/lib/modules', base.kernelVersion);
  const modules = `/usr/lib/modules/${version}`;
  const image = `kernel ${version} ${name} ${release}\n`;
  const copy = (file: string): RpmTestFile => ({
    path: `${modules}/${file}`,
    content: fs.readFileSync(path.join(source, file)),
  });
  return {
    name,
    arch: 'x86_64',
    version: '6',
    release,
    files: [
      ...['fs/overlayfs/overlay.ko', 'fs/erofs/erofs.ko', 'drivers/block/loop.ko', 'lib/libcrc32c.ko'].map(
        (file) => copy(`kernel/${file}`),
      ),
      ...['modules.builtin', 'modules.order', 'modules.builtin.modinfo'].map(copy),
      { path: `${modules}/modules.dep`, kind: 'ghost' },
      { path: place === 'boot' ? `/boot/vmlinuz-${version}` : `${modules}/vmlinuz`, content: image },
      { path: `/boot/initramfs-${version}.img`, kind: 'ghost' },
    ],
    scripts: {
      post: 'echo the kernel installs itself; exit 1',
      preun: 'kernel-install remove; exit 1',
      posttrans: 'kernel-install add; dracut --force; exit 1',
    },
  };
}

/**
 * A kernel as Fedora parts it: a package without files, the image, and modules in two; each needs the others of its
 * version, and its scripts are those of Fedora, which also tell that they ran.
 */
export async function kernelSet(kernel: {
  readonly version: string;
  readonly release: string;
  /** `kernel`, or one of its family. */
  readonly name?: string;
}): Promise<RpmTestPackage[]> {
  const { version, release, name = 'kernel' } = kernel;
  const whole = await kernelPackage({ version, release, name: `${name}-core` });
  const modules = `/lib/modules/${version}`;
  const own = (whole.files ?? []).map((file) => ({
    ...file,
    path: file.path.replace(/^\/usr\/lib/, '/lib'),
  }));
  const isModule = (file: RpmTestFile): boolean => file.path.endsWith('.ko');
  const loop = `${modules}/kernel/drivers/block/loop.ko`;
  const ran = (what: string): string => `echo ${name}-${what} >> /usr/share/kernel-scripts`;
  const needsDracut = `/var/lib/rpm-state/kernel/need_to_run_dracut_${version}`;
  const ofModules = (part: string): NonNullable<RpmTestPackage['scripts']> => ({
    post: `${ran(part)}; /sbin/depmod -a ${version}; mkdir -p /var/lib/rpm-state/kernel; touch ${needsDracut}`,
    posttrans: `${ran(part)}; if [ -f ${needsDracut} ]; then dracut -f --kver ${version} || exit $?; fi`,
    postun: `${ran(part)}; /sbin/depmod -a ${version}`,
  });
  const part = (suffix: string, more: Partial<RpmTestPackage>): RpmTestPackage => ({
    name: name + suffix,
    arch: 'x86_64',
    version: '6',
    release,
    provides: ['installonlypkg(kernel)', `${name}${suffix}-uname-r = ${version}`],
    ...more,
  });
  const needs = (...parts: readonly string[]): string[] =>
    parts.map((suffix) => `${name}${suffix}-uname-r = ${version}`);
  const boot = ['vmlinuz-', 'config-', 'System.map-', 'symvers-', '.vmlinuz-'].map((start): RpmTestFile => ({
    path: `/boot/${start}${version}`,
    kind: 'ghost',
  }));
  return [
    part('', { requires: needs('-core', '-modules', '-modules-core') }),
    part('-core', {
      requires: needs('-modules-core'),
      files: [
        { path: modules, kind: 'directory' },
        ...own.filter((file) => !isModule(file)),
        ...['config', 'System.map', '.vmlinuz.hmac', 'symvers.xz'].map((file) => ({
          path: `${modules}/${file}`,
          content: `${file} of ${version}\n`,
        })),
        { path: `${modules}/build`, kind: 'symlink', target: `/usr/src/kernels/${version}` },
        { path: `${modules}/source`, kind: 'symlink', target: 'build' },
        ...boot,
      ],
      scripts: {
        post: `${ran('core')}; mkdir -p /var/lib/rpm-state/kernel; touch /var/lib/rpm-state/kernel/installing_core_${version}`,
        preun: `${ran('core')}; /bin/kernel-install remove ${version} || exit $?`,
        posttrans: `${ran('core')}; /bin/kernel-install add ${version} ${modules}/vmlinuz || exit $?`,
      },
    }),
    part('-modules-core', {
      requires: needs('-core'),
      files: [
        { path: modules, kind: 'directory' },
        { path: `${modules}/kernel`, kind: 'directory' },
        ...own.filter((file) => isModule(file) && file.path !== loop),
      ],
      scripts: ofModules('modules-core'),
    }),
    part('-modules', {
      requires: needs('-core', '-modules-core'),
      files: own.filter((file) => file.path === loop),
      scripts: ofModules('modules'),
    }),
  ];
}

function folder(from: string, to: string): RpmTestFile[] {
  const directory = path.join(REPOSITORY, from);
  return fs.readdirSync(directory).map((name) => ({
    path: `${to}/${name}`,
    content: fs.readFileSync(path.join(directory, name)),
    mode: 0o755,
  }));
}

function fileOfMachine(file: string): RpmTestFile[] {
  const stat = fs.lstatSync(file);
  if (stat.isSymbolicLink()) return [{ path: file, kind: 'symlink', target: fs.readlinkSync(file) }];
  if (!stat.isFile()) return [];
  return [{ path: file, content: fs.readFileSync(file), mode: stat.mode & 0o7777 }];
}
