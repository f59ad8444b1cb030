/** The texts for the boot loaders, whole, and read again by a reader of their own. */
import { describe, expect, test } from 'vitest';
import { bootEntries, type BootFacts } from '#bootloader/entries.ts';
import { grubConfig } from '#bootloader/grub.ts';
import { osReleaseName } from '#bootloader/os-release.ts';
import { syslinuxText } from '#bootloader/syslinux.ts';
import { ubootText } from '#bootloader/uboot.ts';
import { EMPTY_BLS, formatBls } from '#ostree/format/bls.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';

const SUM = parseChecksum('a'.repeat(64));
const SETTINGS = {
  bootversion: 1,
  oldNames: false,
  bootPrefix: false,
  tries: null,
  exceptDefault: [],
} as const;

function facts(over: Partial<BootFacts> = {}, stateroot = 'os'): BootFacts {
  return {
    deployment: {
      ...{ stateroot, checksum: SUM, deployserial: 0, bootcsum: SUM, bootserial: 0, index: 0, origin: null },
      ...{ kargs: ['root=x', 'ostree=/old', 'quiet'], bls: EMPTY_BLS, tries: null },
      ...{ isStaged: false, isBooted: false, isPinned: false },
    },
    layout: {
      ...{ version: '6.1', namedChecksum: null, kernel: { source: 'k', name: 'vmlinuz-6.1' } },
      ...{ initramfs: { source: 'i', name: 'initramfs-6.1.img' }, devicetree: null, hmac: null, aboot: null },
    },
    osName: "It's OS",
    version: '1.0',
    ...over,
  };
}

const entries = bootEntries([facts(), facts({ version: null })], SETTINGS);
const bls = entries.map((entry) => entry.bls);

describe('entries', () => {
  test('text and names', () => {
    expect(entries.map(({ fileName }) => fileName)).toEqual(['ostree-2.conf', 'ostree-1.conf']);
    expect(formatBls(bls[0] ?? EMPTY_BLS)).toBe(
      `title It's OS 1.0 (ostree:0)\nversion 2\noptions root=x ostree=/ostree/boot.1/os/${SUM}/0 quiet\n` +
        `linux /ostree/os-${SUM}/vmlinuz-6.1\ninitrd /ostree/os-${SUM}/initramfs-6.1.img\n`,
    );
  });
  test('several stateroots are named in the title, old names carry them too', () => {
    const [first] = bootEntries([facts(), facts({}, 'other')], {
      ...SETTINGS,
      oldNames: true,
      bootPrefix: true,
    });
    expect(first?.fileName).toBe('ostree-2-os.conf');
    expect(formatBls(first?.bls ?? EMPTY_BLS)).toContain('(ostree:os:0)');
    expect(formatBls(first?.bls ?? EMPTY_BLS)).toContain('linux /boot/ostree/');
  });
  test('without an initramfs the kernel starts prepare-root', () => {
    const { layout } = facts();
    const [entry] = bootEntries([facts({ layout: { ...layout, initramfs: null } })], SETTINGS);
    const link = `/ostree/boot.1/os/${SUM}/0`;
    expect(formatBls(entry?.bls ?? EMPTY_BLS)).toContain(
      `options root=x ostree=${link} quiet init=${link}/usr/lib/ostree/ostree-prepare-root\n`,
    );
  });
  test('boot counting: new entries start with tries, loaded ones keep theirs or none', () => {
    const counting = { ...SETTINGS, tries: 3 };
    const { deployment } = facts();
    const loaded = { ...deployment, bls: bls[0] ?? EMPTY_BLS };
    const list = [
      facts(),
      facts({ deployment: { ...loaded, tries: { left: 2, used: 1 } } }),
      facts({ deployment: loaded }),
    ];
    expect(bootEntries(list, counting).map(({ fileName }) => fileName)).toEqual([
      'ostree-3+3.conf',
      'ostree-2+2-1.conf',
      'ostree-1.conf',
    ]);
  });
});

test('syslinux: foreign text stays, our old entries go, a foreign default stays', () => {
  const own = 'LABEL old\n\tKERNEL /boot/ostree/x/vmlinuz\n\tAPPEND a\n';
  const current = `SAY hi\nDEFAULT memtest\nLABEL memtest\n\tKERNEL /memtest\n${own}`;
  const text = syslinuxText(current, bls, false);
  expect(syslinuxLabels(text)).toEqual(['memtest', "It's OS 1.0 (ostree:0)", "It's OS (ostree:1)"]);
  expect(text).toContain('SAY hi\n');
  expect(text).toContain('DEFAULT memtest\n');
  expect(text).toContain(`\tINITRD /boot/ostree/os-${SUM}/initramfs-6.1.img\n`);
  expect(syslinuxText(text, bls, false)).toBe(text);
  expect(() => syslinuxText('LABEL x\n\tAPPEND y\n', bls, false)).toThrow(
    'No KERNEL argument found after LABEL',
  );
});

test('U-Boot: variables with a number from the second on', () => {
  const variables = new Map(
    ubootText(bls, 'bootdelay=3')
      .trim()
      .split('\n')
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  expect([...variables.keys()]).toEqual([
    ...['kernel_image', 'ramdisk_image', 'bootargs', 'bootdelay'],
    ...['kernel_image2', 'ramdisk_image2', 'bootargs2'],
  ]);
  expect(variables.get('bootargs2')).toBe(`root=x ostree=/ostree/boot.1/os/${SUM}/0 quiet`);
});

test('GRUB: quoted titles, paths below /boot on the root file system', () => {
  expect(grubConfig(bls.slice(0, 1), { deviceId: 'id', prepareRoot: 'search x\n', prefix: '/boot' }))
    .toBe(`# Written by ostree at each deployment; changes here are lost.
set default=0
set timeout=5

menuentry 'It'\\''s OS 1.0 (ostree:0)' --class gnu-linux --class gnu --class os --unrestricted 'ostree-0-id' {
load_video
set gfxpayload=keep
insmod gzio
search x
linux /boot/ostree/os-${SUM}/vmlinuz-6.1 root=x ostree=/ostree/boot.1/os/${SUM}/0 quiet
initrd /boot/ostree/os-${SUM}/initramfs-6.1.img
}
`);
});

function syslinuxLabels(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('LABEL '))
    .map((line) => line.slice('LABEL '.length));
}

test.each([
  ['PRETTY_NAME="A B 1"\nID=x\n', 'A B 1'],
  ["# c\nID='fed ora'\n", 'fed ora'],
  ['PRETTY_NAME=A\\ B\n', 'A B'],
])('os-release %j', (text, name) => {
  expect(osReleaseName(text)).toBe(name);
});
test('os-release without a name', () => {
  expect(() => osReleaseName('NAME=x\n')).toThrow('No PRETTY_NAME or ID');
});
