import { bootCommand, bootScript, scriptImage } from '#bootloader/boot-script.ts';
import { extlinuxText } from '#bootloader/extlinux.ts';
import { parseBls } from '#ostree/format/bls.ts';
import { describe, expect, test } from '#test/both-engines.ts';

const NEW = parseBls(
  "title It's 2\noptions root=x quote='a b'\nlinux /ostree/os-2/vmlinuz\ninitrd /ostree/os-2/initramfs.img\nfdtdir /ostree/os-2/dtb\n",
);
const OLD = parseBls(
  'title It 1\noptions root=x\nlinux /ostree/os-1/vmlinuz\ndevicetree /ostree/os-1/board.dtb\n',
);
const OPTIONS = { prefix: '/boot', overlays: ['overlays/uart.dtbo', 'overlays/spi.dtbo'] };

describe('extlinux.conf', () => {
  test('labels with device trees and overlays', () => {
    expect(extlinuxText('', [NEW, OLD], OPTIONS)).toMatchInlineSnapshot(`
      "default ostree-0
      label ostree-0
      	menu label It's 2
      	linux /boot/ostree/os-2/vmlinuz
      	initrd /boot/ostree/os-2/initramfs.img
      	fdtdir /boot/ostree/os-2/dtb
      	fdtoverlays /boot/ostree/os-2/dtb/overlays/uart.dtbo /boot/ostree/os-2/dtb/overlays/spi.dtbo
      	append root=x quote='a b'
      label ostree-1
      	menu label It 1
      	linux /boot/ostree/os-1/vmlinuz
      	fdt /boot/ostree/os-1/board.dtb
      	append root=x
      "
    `);
  });

  const FOREIGN =
    '# mine\nTIMEOUT 30\nmenu title Boards\n\nLABEL memtest\n    KERNEL /memtest\n    APPEND a\n';
  test('foreign lines and labels stay, ours are replaced, nothing grows', () => {
    const first = extlinuxText(FOREIGN, [OLD], OPTIONS);
    const second = extlinuxText(first, [NEW, OLD], OPTIONS);
    expect(second).toContain(FOREIGN);
    expect(second.split('\n').filter((line) => line.startsWith('label '))).toEqual([
      'label ostree-0',
      'label ostree-1',
    ]);
    expect(extlinuxText(second, [NEW, OLD], OPTIONS)).toBe(second);
    expect(extlinuxText(second, [], OPTIONS)).toBe(FOREIGN);
  });

  test("a default that is somebody's label stays, one that is nobody's goes", () => {
    expect(extlinuxText(`${FOREIGN}DEFAULT memtest\n`, [NEW], OPTIONS)).toContain('DEFAULT memtest\n');
    expect(extlinuxText(`${FOREIGN}DEFAULT gone\n`, [NEW], OPTIONS).startsWith('default ostree-0\n')).toBe(
      true,
    );
  });

  test('labels of ours as ostree writes them into syslinux.cfg, and with keywords that are not indented', () => {
    const theirs =
      'DEFAULT OS (ostree:0)\nLABEL OS (ostree:0)\n\tKERNEL /boot/ostree/os-0/vmlinuz\n\tAPPEND x\n';
    const flat = 'label a\nlinux /ostree/os-0/vmlinuz\nappend x\nlabel b\nlinux /b\nappend y\n';
    expect(extlinuxText(theirs + flat, [], OPTIONS)).toBe('label b\nlinux /b\nappend y\n');
  });
});

describe('boot.scr', () => {
  test('the script', () => {
    const list = [
      { bls: NEW, command: 'booti' as const },
      { bls: OLD, command: 'bootz' as const },
    ];
    const lines = bootScript(list, { ...OPTIONS, overlays: ['overlays/uart.dtbo'] }).split('\n');
    expect(lines).toContain(`  setenv bootargs 'root=x quote='\\''a b'\\'''`);
    expect(lines).toContain(`elif test "\${ostree_entry}" = 1; then`);
    expect(lines.filter((line) => line.includes('overlays/uart.dtbo'))).toHaveLength(1);
    const opened = lines.filter((line) => line.startsWith('if ')).length;
    expect(lines.filter((line) => line === 'fi')).toHaveLength(opened);
  });

  test('the image begins with what U-Boot looks for', () => {
    const image = scriptImage('echo hello\n', 'a name that is much longer than thirty-two bytes');
    expect(image).toHaveLength(64 + 8 + 11);
    expect([...image.slice(0, 4)]).toEqual([0x27, 0x05, 0x19, 0x56]);
    expect(image[63]).toBe(0);
  });

  const at = (offset: number, ...magic: number[]): Uint8Array => {
    const head = new Uint8Array(64);
    head.set(magic, offset);
    return head;
  };
  test.for([
    { head: at(56, 0x41, 0x52, 0x4d, 0x64), command: 'booti' },
    { head: at(0, 0x1f, 0x8b), command: 'booti' },
    { head: at(36, 0x18, 0x28, 0x6f, 0x01), command: 'bootz' },
    { head: at(0, 0x27, 0x05, 0x19, 0x56), command: 'bootm' },
    { head: at(0, 0xd0, 0x0d, 0xfe, 0xed), command: 'bootm' },
    { head: new Uint8Array(0), command: 'booti' },
  ])('%j', ({ head, command }) => {
    expect(bootCommand(head)).toBe(command);
  });
});
