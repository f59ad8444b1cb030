// Brings a fresh machine to where the npm scripts can run: system packages, npm packages, native addons.
// Plain JavaScript for the system's Node 20: nothing is installed yet when it starts. Safe to run again.
// With --for-demo, only the system packages that a build and the demo need.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'node_modules/.yum-ostree-setup');

/** What builds the programs and runs the demo. A file that shows the package is there → the Debian package. */
const BUILD_AND_DEMO = [
  ['/usr/bin/ostree', 'ostree'],
  ['/usr/bin/rpmbuild', 'rpm'],
  ['/usr/bin/createrepo_c', 'createrepo-c'],
  ['/usr/bin/dnf', 'dnf'],
  ['/usr/bin/bwrap', 'bubblewrap'],
  ['/usr/bin/cmake', 'cmake'],
  ['/usr/bin/ninja', 'ninja-build'],
  ['/usr/bin/dpkg-source', 'dpkg-dev'],
  ['/usr/bin/gpg', 'gnupg'],
  ['/usr/bin/gpg-agent', 'gpg-agent'],
  ['/usr/sbin/setcap', 'libcap2-bin'],
  ['/usr/bin/bzip2', 'bzip2'],
  ['/usr/bin/zstd', 'zstd'],
  ['/usr/bin/xz', 'xz-utils'],
  ['/usr/bin/findmnt', 'util-linux'],
  ['/usr/bin/mount', 'mount'],
  ['/usr/include/expat.h', 'libexpat1-dev'],
  ['/usr/include/zlib.h', 'zlib1g-dev'],
  ['/usr/include/lzma.h', 'liblzma-dev'],
  ['/usr/include/zstd.h', 'libzstd-dev'],
  ['/usr/include/lua5.3/lua.h', 'liblua5.3-dev'],
  ['/usr/include/selinux/label.h', 'libselinux1-dev'],
  ['/usr/include/pcre2.h', 'libpcre2-dev'],
];

/** What tests and benches need besides: the peers, cross compilers and emulators. */
const TESTS_AND_BENCHES = [
  ['/usr/lib/ostree/ostree-prepare-root', 'ostree-boot'],
  ['/usr/bin/mmdebstrap', 'mmdebstrap'],
  ['/usr/bin/testsolv', 'libsolv-tools'],
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/setfattr', 'attr'],
  ['/usr/bin/parallel', 'parallel'],
  ['/usr/share/doc/libsoup2.4-1', 'libsoup2.4-1'],
  ['/usr/lib/python3/dist-packages/yaml', 'python3-yaml'],
  ['/usr/bin/strace', 'strace'],
  ['/usr/bin/time', 'time'],
  ['/usr/sbin/mkfs.ext4', 'e2fsprogs'],
  ['/usr/sbin/mkfs.xfs', 'xfsprogs'],
  ['/usr/bin/qemu-storage-daemon', 'qemu-system-common'],
  ['/usr/bin/mcopy', 'mtools'],
  ['/usr/bin/mkimage', 'u-boot-tools'],
  ['/usr/lib/u-boot/qemu_arm64/u-boot.bin', 'u-boot-qemu'],
  ['/usr/lib/systemd/boot/efi/systemd-bootx64.efi', 'systemd-boot-efi'],
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', 'ovmf'],
  ['/usr/lib/grub/i386-pc/boot.img', 'grub-pc-bin'],
  ['/usr/lib/grub/x86_64-efi/normal.mod', 'grub-efi-amd64-bin'],
  ['/usr/bin/extlinux', 'extlinux'],
  ['/usr/lib/syslinux/mbr/mbr.bin', 'syslinux-common'],
  ['/usr/sbin/mkfs.vfat', 'dosfstools'],
  ['/usr/bin/systemd-tmpfiles', 'systemd'],
  ['/usr/bin/dracut', 'dracut-core'],
  ['/usr/sbin/mkinitramfs', 'initramfs-tools-core'],
  ['/usr/bin/shellcheck', 'shellcheck'],
  ['/usr/bin/dh', 'debhelper'],
  ['/usr/bin/makepkg', 'makepkg'],
  ['/usr/bin/bsdtar', 'libarchive-tools'],
  ['/usr/bin/qemu-system-x86_64', 'qemu-system-x86'],
  ['/usr/bin/qemu-system-aarch64', 'qemu-system-arm'],
  ['/usr/bin/busybox', 'busybox-static'],
  ['/usr/sbin/depmod', 'kmod'],
  ['/usr/bin/aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu'],
  ['/usr/bin/aarch64-linux-gnu-g++', 'g++-aarch64-linux-gnu'],
  ['/usr/bin/arm-linux-gnueabihf-gcc', 'gcc-arm-linux-gnueabihf'],
  ['/usr/bin/qemu-aarch64', 'qemu-user'],
  ['/usr/bin/grub-editenv', 'grub-common'],
  ['/usr/bin/fw_setenv', 'libubootenv-tool'],
  ['/usr/sbin/matchpathcon', 'selinux-utils'],
  ['/etc/selinux/default/contexts/files/file_contexts', 'selinux-policy-default'],
];

const forDemo = process.argv.includes('--for-demo');

installSystemPackages();
installNpmPackages();
buildNative();

function installSystemPackages() {
  const wanted = forDemo ? BUILD_AND_DEMO : [...BUILD_AND_DEMO, ...TESTS_AND_BENCHES];
  const missing = wanted.filter(([file]) => !existsSync(file)).map(([, name]) => name);
  if (missing.length === 0) return;
  say(`installing system packages: ${missing.join(' ')}`);
  const run = (...args) =>
    spawnSync('apt-get', ['-q', '-y', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status;
  run('update');
  if (run('install', '--no-install-recommends', ...missing) !== 0)
    fail(
      `apt-get could not install ${missing.join(' ')}`,
      'run this as root on Debian 12, or install them by hand',
    );
}

function installNpmPackages() {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest) return;
  say('installing npm packages (npm ci)');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) fail('npm ci failed', 'its messages are above');
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stampFile, digest);
}

function buildNative() {
  execFileSync(join(root, 'node_modules/.bin/node'), [join(root, 'scripts/build-native.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

function fail(what, hint) {
  process.stderr.write(`error: set-up: ${what}\nhint: ${hint}\n`);
  process.exit(1);
}
