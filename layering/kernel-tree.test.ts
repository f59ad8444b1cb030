import { expect, test } from 'vitest';
import { parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { settleKernel } from '#layering/kernel-tree.ts';
import { kernelWork, type KernelRequest } from '#layering/kernel-work.ts';

const DIRECTORY: FileMeta = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
const LEGACY = 'f'.repeat(64);
const BASE = {
  'usr/lib/modules/1/vmlinuz': 1,
  'usr/lib/modules/1/initramfs.img': 2,
  'usr/lib/modules/1/modules.dep': 3,
};
const TOOLS = { 'usr/bin/dracut': 8, 'usr/sbin/depmod': 9 };
const NOTHING_ASKED: KernelRequest = { regenerate: false, args: ['-x'], etc: '/m/etc', baseArgs: [] };

/** Files by path; the number stands for the content. */
function treeOf(files: Readonly<Record<string, number>>): MutableTree {
  const tree = MutableTree.empty(DIRECTORY);
  for (const [path, content] of Object.entries(files)) {
    tree.ensureDirectory(path.slice(0, path.lastIndexOf('/')), DIRECTORY);
    tree.setFile(path, object(content));
  }
  return tree;
}

function object(content: number): Checksum {
  return parseChecksum(content.toString(16).padStart(64, '0'));
}

function paths(tree: MutableTree, below = ''): string[] {
  return tree.entries().flatMap(([name, entry]) => {
    const path = below === '' ? name : `${below}/${name}`;
    return entry.kind === 'file' ? [path] : paths(entry.tree, path);
  });
}

test('the kernel that is not the base’s stays, with nothing of another', () => {
  const tree = treeOf({ ...BASE, 'usr/lib/modules/2/vmlinuz': 4, 'usr/lib/modules/2/kernel/a.ko': 5 });
  expect(settleKernel(tree, treeOf(BASE))).toEqual({
    kernel: { version: '2', image: object(4), initramfs: null },
    isNew: true,
    baseHasInitramfs: true,
  });
  expect(paths(tree)).toEqual(['usr/lib/modules/2/kernel/a.ko', 'usr/lib/modules/2/vmlinuz']);
});

test('what was made for a kernel that went goes with it', () => {
  const left = { 'usr/lib/modules/1/initramfs.img': 2, 'usr/lib/modules/1/modules.dep': 3 };
  const tree = treeOf({ ...left, 'usr/lib/modules/2/vmlinuz': 4 });
  settleKernel(tree, treeOf(BASE));
  expect(paths(tree)).toEqual(['usr/lib/modules/2/vmlinuz']);
});

test('of another build of the same version the initramfs is not that of the base', () => {
  const tree = treeOf({ ...BASE, 'usr/lib/modules/1/vmlinuz': 4 });
  expect(settleKernel(tree, treeOf(BASE)).kernel).toEqual({
    version: '1',
    image: object(4),
    initramfs: null,
  });
  expect(paths(tree)).not.toContain('usr/lib/modules/1/initramfs.img');
});

test('an image in /boot comes to its modules, other files of /boot stay', () => {
  const tree = treeOf({
    ...BASE,
    'usr/lib/modules/2/kernel/a.ko': 5,
    'usr/lib/ostree-boot/vmlinuz-2': 4,
    'usr/lib/ostree-boot/.vmlinuz-2.hmac': 6,
    'usr/lib/ostree-boot/initramfs-2.img': 7,
    'usr/lib/ostree-boot/efi/x': 1,
    'usr/lib/ostree-boot/vmlinuz-3': 1,
  });
  expect(settleKernel(tree, treeOf(BASE)).kernel).toEqual({
    version: '2',
    image: object(4),
    initramfs: object(7),
  });
  expect(paths(tree)).toEqual([
    'usr/lib/modules/2/.vmlinuz.hmac',
    'usr/lib/modules/2/initramfs.img',
    'usr/lib/modules/2/kernel/a.ko',
    'usr/lib/modules/2/vmlinuz',
    'usr/lib/ostree-boot/efi/x',
    'usr/lib/ostree-boot/vmlinuz-3',
  ]);
});

test('an image in /boot of the version that the base has takes its place', () => {
  const tree = treeOf({ ...BASE, 'usr/lib/ostree-boot/vmlinuz-1': 4 });
  expect(settleKernel(tree, treeOf(BASE))).toMatchObject({ kernel: { image: object(4) }, isNew: true });
  const ofBase = { ...BASE, 'usr/lib/ostree-boot/vmlinuz-1': 1 };
  expect(settleKernel(treeOf(ofBase), treeOf(ofBase)).isNew).toBe(false);
});

test('a kernel as old trees have it makes room, and moves where an initramfs is made for it', () => {
  const old = {
    [`usr/lib/ostree-boot/vmlinuz-1-${LEGACY}`]: 1,
    [`usr/lib/ostree-boot/initramfs-1-${LEGACY}.img`]: 2,
    [`usr/lib/ostree-boot/initramfs-1-${LEGACY}`]: 2,
    'usr/lib/modules/1/kernel/a.ko': 5,
  };
  const replaced = treeOf({ ...old, 'usr/lib/modules/2/vmlinuz': 4 });
  expect(settleKernel(replaced, treeOf(old))).toMatchObject({ isNew: true, baseHasInitramfs: true });
  expect(paths(replaced)).not.toContain(`usr/lib/ostree-boot/vmlinuz-1-${LEGACY}`);
  const moved = treeOf(old);
  expect(settleKernel(moved, treeOf(old), true)).toMatchObject({ kernel: { version: '1' }, isNew: false });
  expect(paths(moved)).toContain('usr/lib/modules/1/vmlinuz');
  expect(paths(moved)).not.toContain(`usr/lib/ostree-boot/initramfs-1-${LEGACY}`);
});

test('none and several are refused', () => {
  expect(() => settleKernel(treeOf({ 'usr/lib/x': 1 }), treeOf(BASE))).toThrow(/would have no kernel/);
  const two = treeOf({ ...BASE, 'usr/lib/modules/2/vmlinuz': 4, 'usr/lib/modules/3/vmlinuz': 5 });
  expect(() => settleKernel(two, treeOf(BASE))).toThrow(/a tree has one: 2, 3/);
});

function workOf(
  files: Readonly<Record<string, number>>,
  changed: string[],
  asked: Partial<KernelRequest> = {},
) {
  const request = { ...NOTHING_ASKED, ...asked };
  return kernelWork(treeOf(files), { base: treeOf(BASE), changed, request });
}

test('a tree whose kernel is the base’s keeps its initramfs', () => {
  expect(workOf({ ...BASE, ...TOOLS }, ['usr/bin/x']).work).toBeNull();
  const module = 'usr/lib/modules/1/extra/x.ko.xz';
  expect(workOf({ ...BASE, ...TOOLS, [module]: 4 }, [module]).work).toEqual({
    version: '1',
    depmod: '/usr/sbin/depmod',
    dracut: null,
  });
});

test('a new kernel is indexed, and gets an initramfs as the base has it', () => {
  const NEW = { 'usr/lib/modules/2/vmlinuz': 4 };
  const changed = Object.keys(NEW);
  const { work, newVersion } = workOf({ ...NEW, ...TOOLS }, changed, { baseArgs: ['--hostonly'] });
  expect([work?.version, work?.depmod, newVersion]).toEqual(['2', '/usr/sbin/depmod', '2']);
  expect(work?.dracut?.args.slice(-2)).toEqual(['2', '--hostonly']);
  expect(work?.dracut?.etc).toBeNull();
  const brought = { ...NEW, 'usr/lib/modules/2/initramfs.img': 7 };
  expect(workOf({ ...brought, ...TOOLS }, changed).work?.dracut).toBeNull();
  expect(() => workOf(NEW, changed)).toThrow(/cannot be made: the tree has no dracut/);
  expect(workOf(brought, changed).warnings).toEqual([expect.stringContaining('the tree has no depmod')]);
});

test('asked for, the initramfs is made for any change, with the module for ostree where there is one', () => {
  const files = { ...BASE, ...TOOLS, 'usr/lib/dracut/modules.d/50ostree/module-setup.sh': 1 };
  const { work } = workOf(files, [], { regenerate: true });
  expect(work?.depmod).toBeNull();
  expect(work?.dracut?.args.slice(-5)).toEqual(['1', '--add', 'ostree', '--no-hostonly', '-x']);
  expect(work?.dracut?.etc).toBe('/m/etc');
});
