/**
 * Real images of both generations of dracut and of mkinitramfs, and of mkinitcpio's functions: what is in them, and that
 * it runs there.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import {
  C_PROGRAM,
  type Image,
  type ImageInputs,
  type ImageRequest,
  makeImage,
  PREPARE_ROOT,
  prepareImages,
  refuseImage,
  SETTINGS,
} from './initramfs-image.ts';
import { runOnMachine } from './machine-overlay.ts';
import { MKINITCPIO_FUNCTIONS } from './mkinitcpio-functions.ts';
import { newerOstree } from './newer-ostree.ts';

const WANTS_LINK = '/usr/lib/systemd/system/initrd-root-fs.target.wants/ostree-prepare-root.service';
const NODE_EXECUTABLE = '/usr/bin/yum-ostree';

let inputs: ImageInputs;
/** What the compact program prints in an image. */
let plan = '';
beforeAll(async () => {
  inputs = await prepareImages(fs.mkdtempSync(path.join(os.tmpdir(), 'initramfs-images-')));
  plan = makeImage(inputs, mkinitcpio()).plan;
});
afterAll(() => {
  fs.rmSync(inputs.folder, { recursive: true, force: true });
});

function expectComplete(image: Image): void {
  expect(image.help).toMatch(/^usage: ostree-prepare-root SYSROOT/);
  expect(image.drivers).toEqual(['erofs', 'overlay', 'loop', 'virtio_blk']);
  for (const [file, text] of Object.entries(SETTINGS)) expect(image.read(file)).toBe(text);
  expect(image.plan).toBe(plan);
}

/** With dist/yum-ostree installed, and files that choose it. */
function withNode(request: ImageRequest, files: Readonly<Record<string, string>>): ImageRequest {
  const generate = `cp /opt/dist/yum-ostree ${NODE_EXECUTABLE}\n${request.generate}`;
  return { ...request, files, binds: { '/opt/dist': builtPrograms('x86-64') }, generate };
}

function expectNode(image: Image): void {
  expectComplete(image);
  const executable = path.join(builtPrograms('x86-64'), 'yum-ostree');
  expect(fs.readFileSync(image.path(PREPARE_ROOT)).equals(fs.readFileSync(executable))).toBe(true);
}

/** Programs that no image can be made with; the last needs a library that is nowhere. */
const UNUSABLE = ['/usr/bin/nothing', '/usr/bin', '/usr/bin/incomplete'];
const INCOMPLETE = `sed s/libc.so.6/lib0.so.6/g /usr/bin/cpio > /usr/bin/incomplete; chmod 755 /usr/bin/incomplete\n`;

/** No image, an exit code that tells so, and one line that says why. */
function expectRefused(request: ImageRequest, program: string): void {
  const refused = refuseImage(inputs, { ...request, generate: INCOMPLETE + request.generate });
  const said = refused.stdout + refused.stderr;
  expect(refused.status, said).not.toBe(0);
  const lines = said.split('\n').filter((line) => line.includes('ostree: no image is made: '));
  expect(lines, said).toEqual([expect.stringContaining(`: ${program} `)]);
  expect(refused.bytes).toBe(0);
}

test('the plan that every image is to print has the setting of the machine that made it', () => {
  expect(plan).toContain('\nmove /sysroot.tmp to /sysroot\n');
  expect(plan).toMatch(/\nremount \/sysroot\/sysroot read-only\n$/);
});

const DRACUTS = [
  { name: '059 of Debian 12', version: /^dracut 059\b/, machine: () => undefined },
  { name: '106 or later of Debian sid', version: /^dracut (10[6-9]|1[1-9]\d)\b/, machine: newerOstree },
] as const;
const OPTIONS =
  '--quiet --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --drivers virtio_blk';

function dracut(machine: string | undefined, modules: string, options = '--compress cat'): ImageRequest {
  // dracut.conf.d turns ours on.
  const unwanted = modules.includes('ostree') ? '' : 'ostree';
  const without = modules.includes('systemd') ? '' : `-o "systemd systemd-initrd dracut-systemd ${unwanted}"`;
  const wanted = `-m "base rootfs-block udev-rules fs-lib ${modules}" ${without}`;
  return { machine, generate: `dracut ${OPTIONS} ${options} ${wanted} --kver $kernel /out/image` };
}

describe.each(DRACUTS)('dracut $name', ({ version, machine }) => {
  const choosing = (program: string): Record<string, string> => ({
    '/etc/dracut.conf.d/program.conf': `ostree_program="${program}"\n`,
  });

  test('is that version', () => {
    const { stdout } = runOnMachine({ machine: machine(), trees: [], script: 'dracut --version' });
    expect(stdout).toMatch(version);
  });

  test('with systemd: the program is run by its unit, which initrd-root-fs.target wants', () => {
    const image = makeImage(inputs, dracut(machine(), 'ostree systemd systemd-initrd', '--compress gzip'));
    expectComplete(image);
    expect(image.link(WANTS_LINK)).toBe('../ostree-prepare-root.service');
    expect(image.read('/usr/lib/systemd/system/ostree-prepare-root.service')).toContain(
      `ExecStart=${PREPARE_ROOT} /sysroot\n`,
    );
    expect(hooksIn(image)).toEqual([]);
  });

  test('without systemd: by a hook', () => {
    const image = makeImage(inputs, dracut(machine(), 'ostree'));
    expectComplete(image);
    expect(image.has(WANTS_LINK)).toBe(false);
    expect(hooksIn(image)).toEqual(['pre-mount/10-usable-root.sh', 'pre-pivot/10-prepare-root.sh']);
  });

  test('the executable of Node, by ostree_program, is put in whole and runs', () => {
    const request = dracut(machine(), 'ostree');
    expectNode(makeImage(inputs, withNode(request, choosing(NODE_EXECUTABLE))));
  });

  test.each(UNUSABLE)('ostree_program=%s: no image', (program) => {
    expectRefused({ ...dracut(machine(), 'ostree'), files: choosing(program) }, program);
  });

  test('without the program, and no option that names another: no image', () => {
    const request = dracut(machine(), 'ostree');
    expectRefused({ ...request, generate: `rm ${PREPARE_ROOT}\n${request.generate}` }, PREPARE_ROOT);
  });
});

test('the module adds the same to images of both generations of dracut', () => {
  const [older, newer] = DRACUTS.map(({ machine }) => addedByModule(machine()));
  expect(older?.get(PREPARE_ROOT)).toMatch(/^[0-9a-f]{64}$/);
  expect(older?.size).toBeGreaterThan(8);
  expect(newer).toEqual(older);
});

/** What an image has and one without the module has not, by path, less the indexes and dracut's own options. */
function addedByModule(machine: string | undefined): Map<string, string> {
  const [without, full] = ['', 'ostree'].map((modules) =>
    makeImage(inputs, dracut(machine, modules)).entries(),
  );
  const added = [...(full ?? [])].filter(([file, content]) => without?.get(file) !== content);
  return new Map(
    added
      .filter(([file]) => !/\/modules\.[a-z.]+$|\/build-parameter\.txt$/.test(file))
      .map(([file, content]) => [file.replace('/var/lib/dracut/hooks/', '/usr/lib/dracut/hooks/'), content]),
  );
}

/** Ours, as STAGE/NAME. */
function hooksIn(image: Image): string[] {
  return [...image.entries().keys()]
    .filter((file) => /-(prepare|usable)-root\.sh$/.test(file))
    .map((file) => file.split('/').slice(-2).join('/'))
    .sort();
}

test('an image of dracut is smaller than with the C program', () => {
  const files = { '/etc/dracut.conf.d/program.conf': `ostree_program="${C_PROGRAM}"\n` };
  const withC = makeImage(inputs, { ...dracut(undefined, 'ostree'), files });
  expect(withC.help).not.toContain('error while loading shared libraries');
  expect(withC.has('/usr/lib/x86_64-linux-gnu/libsystemd.so.0')).toBe(true);
  expect(makeImage(inputs, dracut(undefined, 'ostree')).bytes).toBeLessThan(withC.bytes);
});

describe('mkinitramfs', () => {
  const mkinitramfs: ImageRequest = {
    generate: `cp /usr/lib/modules/$kernel/config /boot/config-$kernel
     sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' /etc/initramfs-tools/initramfs.conf
     echo COMPRESSLEVEL=1 >> /etc/initramfs-tools/initramfs.conf
     echo virtio_blk >> /etc/initramfs-tools/modules
     mkinitramfs -o /out/image $kernel`,
  };
  const choosing = (program: string): Record<string, string> => ({
    '/etc/initramfs-tools/conf.d/ostree': `ostree_program=${program}\n`,
  });

  test('the program is run by scripts after the root is mounted', () => {
    const image = makeImage(inputs, mkinitramfs);
    expectComplete(image);
    for (const stage of ['local-bottom', 'nfs-bottom']) {
      expect(image.read(`/scripts/${stage}/ORDER`)).toContain(`/scripts/${stage}/ostree "$@"`);
      expect(image.has(`/scripts/${stage}/ostree`)).toBe(true);
    }
  });

  test('the executable of Node, by ostree_program, is put in whole and runs', () => {
    expectNode(makeImage(inputs, withNode(mkinitramfs, choosing(NODE_EXECUTABLE))));
  });

  test.each(UNUSABLE)('ostree_program=%s: no image', (program) => {
    expectRefused({ ...mkinitramfs, files: choosing(program) }, program);
  });

  test('without the program, and no option that names another: no image', () => {
    const generate = `rm ${PREPARE_ROOT}\n${mkinitramfs.generate}`;
    expectRefused({ ...mkinitramfs, generate }, PREPARE_ROOT);
  });
});

function mkinitcpio(settings = ''): ImageRequest {
  return {
    generate: `BUILDROOT=/out/root; mkdir -p $BUILDROOT
    ${MKINITCPIO_FUNCTIONS}
    ${settings}
    add_module virtio_blk
    . /usr/lib/initcpio/install/ostree
    build
    depmod -b $BUILDROOT $kernel
    echo > /out/image`,
  };
}

describe("mkinitcpio's functions", () => {
  test('with systemd: the program is run by its unit', () => {
    const image = makeImage(inputs, mkinitcpio('add_file /usr/lib/systemd/systemd'));
    expectComplete(image);
    expect(image.link(WANTS_LINK)).toBe('../ostree-prepare-root.service');
    expect(image.has('/hooks/ostree')).toBe(false);
  });

  test('with busybox: by a hook', () => {
    const image = makeImage(inputs, mkinitcpio());
    expectComplete(image);
    expect(image.read('/hooks/ostree')).toContain('run_latehook()');
    expect(image.has(WANTS_LINK)).toBe(false);
  });

  test('the executable of Node, by ostree_program, is put in whole and runs', () => {
    expectNode(makeImage(inputs, withNode(mkinitcpio(`ostree_program=${NODE_EXECUTABLE}`), {})));
  });

  test.each(UNUSABLE)('ostree_program=%s: no image', (program) => {
    expectRefused(mkinitcpio(`ostree_program=${program}`), program);
  });

  test('without the program, and no option that names another: no image', () => {
    expectRefused(mkinitcpio(`rm ${PREPARE_ROOT}`), PREPARE_ROOT);
  });

  test('a kernel without one of the drivers; the help', () => {
    const image = makeImage(inputs, mkinitcpio("modules_without='erofs'"));
    expect(image.drivers).toEqual(['overlay', 'loop', 'virtio_blk']);
    const help = '. /usr/lib/initcpio/install/ostree; help';
    const { stdout } = runOnMachine({ trees: [inputs.installed], script: help });
    expect(stdout).toContain("'ostree=' on the kernel command line");
  });
});
