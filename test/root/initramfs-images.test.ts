/** Real images of dracut and mkinitramfs, and of mkinitcpio's functions, with what `npm run install:boot` installs. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';
import { installedTree, runOnMachine } from './machine-overlay.ts';
import { MKINITCPIO_FUNCTIONS } from './mkinitcpio-functions.ts';

const PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';
/** The C program of this machine, seen where our files do not hide it. */
const C_PROGRAM = '/usr/lib/ostree/c/ostree-prepare-root';
const KEY = '/etc/ostree/keys/root.pub';
const SETTINGS = {
  '/usr/lib/ostree/prepare-root.conf': '[composefs]\nenabled = signed\n[sysroot]\nreadonly = true\n',
  '/etc/ostree/prepare-root.conf': `[composefs]\nkeypath = ${KEY}\n`,
  [KEY]: 'a public key\n',
};
/** ostree's own module and its settings, which a package of ours replaces. */
const OSTREE_BOOT = ['/usr/lib/dracut/modules.d/98ostree', '/etc/dracut.conf.d/ostree.conf'];
const WANTS_LINK = '/usr/lib/systemd/system/initrd-root-fs.target.wants/ostree-prepare-root.service';

let folder = '';
let installed = '';
let modules = '';
let kernel = '';

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'initramfs-images-'));
  installed = installedTree(folder);
  const { base } = await prepareInputs({ directory: INPUTS_DIRECTORY, report: () => undefined });
  modules = path.join(base.path, 'usr/lib/modules');
  kernel = base.kernelVersion;
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Image {
  /** Of the image file as it is loaded. */
  readonly bytes: number;
  /** What it unpacks to. */
  readonly has: (file: string) => boolean;
  readonly read: (file: string) => string;
  readonly link: (file: string) => string;
  /** Kernel modules that modprobe finds inside. */
  readonly drivers: readonly string[];
  /** What `ostree-prepare-root --help` prints inside. */
  readonly help: string;
}

/** Runs a generator, which is to leave `/out/image`, a gzip-compressed cpio archive, or the folder `/out/root`. */
function makeImage(generate: string, files: Readonly<Record<string, string>> = {}): Image {
  const out = fs.mkdtempSync(path.join(folder, 'out-'));
  const done = runOnMachine({
    trees: [installed],
    files: { ...SETTINGS, '/etc/initramfs-tools/': '', ...files },
    without: OSTREE_BOOT,
    binds: {
      '/usr/lib/modules': modules,
      '/out': out,
      [path.dirname(C_PROGRAM)]: path.dirname(PREPARE_ROOT),
    },
    script: `kernel=${kernel}
      ${generate}
      [ -d /out/root ] || { mkdir /out/root; cd /out/root; zcat /out/image | cpio -id --quiet; }
      for driver in erofs overlay loop virtio_blk; do
        if modprobe -d /out/root -S $kernel --show-depends $driver > /dev/null 2>&1; then echo $driver >> /out/drivers; fi
      done
      chroot /out/root ${PREPARE_ROOT} --help > /out/help 2>&1 || echo "exit code $?" >> /out/help`,
  });
  if (done.status !== 0) throw new Error(`${String(done.status)}: ${done.stdout}${done.stderr}`);
  const root = path.join(out, 'root');
  const image = path.join(out, 'image');
  return {
    bytes: fs.existsSync(image) ? fs.statSync(image).size : 0,
    has: (file) => fs.existsSync(root + file),
    read: (file) => fs.readFileSync(root + file, 'utf8'),
    link: (file) => fs.readlinkSync(root + file),
    drivers: fs.readFileSync(path.join(out, 'drivers'), 'utf8').trim().split('\n'),
    help: fs.readFileSync(path.join(out, 'help'), 'utf8'),
  };
}

function expectComplete(image: Image): void {
  expect(image.help).toMatch(/^usage: ostree-prepare-root SYSROOT/);
  expect(image.drivers).toEqual(['erofs', 'overlay', 'loop', 'virtio_blk']);
  for (const [file, text] of Object.entries(SETTINGS)) expect(image.read(file)).toBe(text);
}

describe('dracut', () => {
  const dracut = (modules: string): string =>
    `dracut --quiet --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --compress gzip \
       -m "base ostree rootfs-block udev-rules fs-lib ${modules}" --drivers virtio_blk --kver $kernel /out/image`;
  const withoutSystemd = `${dracut('')} -o "systemd systemd-initrd dracut-systemd"`;

  test('with systemd: the program is run by its unit, which initrd-root-fs.target wants', () => {
    const image = makeImage(dracut('systemd systemd-initrd'));
    expectComplete(image);
    expect(image.link(WANTS_LINK)).toBe('../ostree-prepare-root.service');
    expect(image.read('/usr/lib/systemd/system/ostree-prepare-root.service')).toContain(
      `ExecStart=${PREPARE_ROOT} /sysroot\n`,
    );
    expect(image.has('/usr/lib/dracut/hooks/pre-pivot/10-prepare-root.sh')).toBe(false);
  });

  test('without systemd: by a hook; and the image is smaller than with the C program', () => {
    const image = makeImage(withoutSystemd);
    expectComplete(image);
    expect(image.has(WANTS_LINK)).toBe(false);
    expect(image.read('/usr/lib/dracut/hooks/pre-pivot/10-prepare-root.sh')).toContain(
      `${PREPARE_ROOT} "$NEWROOT"`,
    );
    expect(image.has('/usr/lib/dracut/hooks/pre-mount/10-usable-root.sh')).toBe(true);

    const withC = makeImage(withoutSystemd, {
      '/etc/dracut.conf.d/program.conf': `ostree_program="${C_PROGRAM}"\n`,
    });
    expect(withC.help).not.toContain('error while loading shared libraries');
    expect(withC.has('/usr/lib/x86_64-linux-gnu/libsystemd.so.0')).toBe(true);
    expect(image.bytes).toBeLessThan(withC.bytes);
  });
});

test('mkinitramfs: the program is run by scripts after the root is mounted', () => {
  const image = makeImage(
    `cp /usr/lib/modules/$kernel/config /boot/config-$kernel
     sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' /etc/initramfs-tools/initramfs.conf
     echo virtio_blk >> /etc/initramfs-tools/modules
     mkinitramfs -o /out/image $kernel`,
  );
  expectComplete(image);
  for (const stage of ['local-bottom', 'nfs-bottom']) {
    expect(image.read(`/scripts/${stage}/ORDER`)).toContain(`/scripts/${stage}/ostree "$@"`);
    expect(image.has(`/scripts/${stage}/ostree`)).toBe(true);
  }
});

describe('mkinitcpio', () => {
  const build = (before: string): string => `BUILDROOT=/out/root; mkdir -p $BUILDROOT
    ${MKINITCPIO_FUNCTIONS}
    ${before}
    add_module virtio_blk
    . /usr/lib/initcpio/install/ostree
    build
    depmod -b $BUILDROOT $kernel`;

  test('with systemd: the program is run by its unit', () => {
    const image = makeImage(build('add_file /usr/lib/systemd/systemd'));
    expectComplete(image);
    expect(image.link(WANTS_LINK)).toBe('../ostree-prepare-root.service');
    expect(image.has('/hooks/ostree')).toBe(false);
  });

  test('with busybox: by a hook', () => {
    const image = makeImage(build(''));
    expectComplete(image);
    expect(image.read('/hooks/ostree')).toContain('run_latehook()');
    expect(image.has(WANTS_LINK)).toBe(false);
  });

  test('another program, with its libraries; a kernel without the drivers; the help', () => {
    const image = makeImage(build(`ostree_program=/usr/bin/true; modules_without='erofs'`));
    expect(image.drivers).toEqual(['overlay', 'loop', 'virtio_blk']);
    expect(image.has('/lib/x86_64-linux-gnu/libc.so.6')).toBe(true);
    expect(image.help).toMatch(/^Usage: \S+ \[ignored/);
    const help = runOnMachine({ trees: [installed], script: '. /usr/lib/initcpio/install/ostree; help' });
    expect(help.stdout).toContain("'ostree=' on the kernel command line");
  });
});
