import { expect, test } from 'vitest';
import { isKernelPackage } from '#layering/kernel-packages.ts';

test.each([
  [true, 'kernel-core', '/lib/modules/6.1/vmlinuz'],
  [true, 'linux-image-6.1', '/boot/vmlinuz-6.1'],
  [true, 'kernel-modules', '/usr/lib/modules/6.1/kernel/fs/a.ko.xz'],
  [true, 'kernel-rt-modules-extra', '/lib/modules/6.1/extra/a.ko'],
  [false, 'kernel-tools', '/usr/bin/turbostat'],
  [false, 'kmod-other', '/lib/modules/6.1/extra/a.ko'],
  [false, 'grub', '/boot/grub/vmlinuz-helper/x'],
])('%s: %s with %s', (expected, name, file) => {
  expect(isKernelPackage({ name, files: () => ['/usr/share/doc', file] })).toBe(expected);
});
