import { describe, expect, test } from '#test/both-engines.ts';
import { planReset } from '#prepare-root/leftovers.ts';
import { describeOp } from '#prepare-root/mount-op.ts';
import { parseMountTable } from '#ostree/format/mount-table.ts';

const INITRAMFS = '1 1 0:1 / / rw - tmpfs none rw\n';
const PHYSICAL = '2 1 8:1 / /sysroot rw,relatime shared:1 - ext4 /dev/sda1 rw\n';
const DEPLOYMENT = '/ostree/deploy/os/deploy/abc.0';

function reset(table: string): string[] {
  return planReset(parseMountTable(INITRAMFS + table), '/sysroot').map(describeOp);
}

describe('what an earlier run left', () => {
  test('nothing', () => {
    expect(reset(PHYSICAL)).toEqual([]);
  });

  test('a half-made root', () => {
    expect(reset(`${PHYSICAL}3 1 8:1 ${DEPLOYMENT} /sysroot.tmp rw - ext4 /dev/sda1 rw\n`)).toEqual([
      'unmount /sysroot.tmp',
    ]);
  });

  test('a half-made root that holds the only view of the physical one', () => {
    const table = `3 1 8:1 ${DEPLOYMENT} /sysroot.tmp rw - ext4 /dev/sda1 rw
4 3 8:1 / /sysroot.tmp/sysroot rw - ext4 /dev/sda1 rw\n`;
    expect(reset(table)).toEqual(['bind /sysroot.tmp/sysroot on /sysroot', 'unmount /sysroot.tmp']);
  });

  test.for([
    ['rw', true],
    ['ro', false],
  ] as const)('a whole root, read-only, on a file system that is %s', ([access, remounted]) => {
    const table = `3 1 8:1 ${DEPLOYMENT} /sysroot rw - ext4 /dev/sda1 ${access}
4 3 8:1 / /sysroot/sysroot ro - ext4 /dev/sda1 ${access}\n`;
    expect(reset(table)).toEqual([
      'make / and all below private',
      'make directory /sysroot.tmp (0755)',
      'move /sysroot/sysroot to /sysroot.tmp',
      'unmount /sysroot',
      'move /sysroot.tmp to /sysroot',
      ...(remounted ? ['remount /sysroot writable'] : []),
      'remove directory /sysroot.tmp',
    ]);
  });

  test('a disk that happens to have something mounted at /sysroot', () => {
    expect(reset(`${PHYSICAL}3 2 8:2 / /sysroot/sysroot rw - ext4 /dev/sdb1 rw\n`)).toEqual([]);
  });
});
