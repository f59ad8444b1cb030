import { expect, test } from 'vitest';
import { originOfFile, treePlace, type FileFacts, type RootFacts } from '#layering/running-origin.ts';

const [DISK, LAYER, CONTAINER] = [1, 2, 3];
const ROOT: RootFacts = {
  current: 'now.0',
  device: DISK,
  aliases: new Set([LAYER]),
  layerDevice: null,
  isBooted: true,
  isComposefs: false,
  isUnlocked: false,
};
const UNLOCKED = { ...ROOT, isUnlocked: true, layerDevice: LAYER };
const at = (inode: number, device = DISK) => ({ device, inode });
const FILE: FileFacts = {
  device: DISK,
  inode: 10,
  treePath: 'usr/bin/x',
  isDeleted: false,
  isForeign: false,
  inTrees: new Map(),
  inLayer: null,
  inRoot: null,
  object: null,
};
const NOW = new Map([['now.0', at(10)]]);
const OLD = new Map([
  ['old.0', at(10)],
  ['now.0', at(11)],
]);
const BOTH = new Map([
  ['old.0', at(10)],
  ['now.0', at(10)],
]);

test.each<[string, Partial<FileFacts>, RootFacts, string, string | null]>([
  ['of the tree that runs', { inTrees: NOW, inRoot: at(10) }, ROOT, 'current', 'now.0'],
  ['of an object that an older tree shares', { inTrees: BOTH, inRoot: at(10) }, ROOT, 'current', 'now.0'],
  [
    'of a tree that is gone, but the same as now',
    { isDeleted: true, inTrees: NOW, inRoot: at(10) },
    ROOT,
    'current',
    'now.0',
  ],
  ['of an older tree', { inTrees: OLD, inRoot: at(11) }, ROOT, 'older-tree', 'old.0'],
  [
    'of a tree that is gone',
    { isDeleted: true, object: { checksum: 'c', tree: 'ref' } },
    ROOT,
    'older-tree',
    'ref',
  ],
  [
    'in the tree, and seen through the overlay',
    { device: LAYER, inTrees: NOW, inRoot: at(10, LAYER) },
    UNLOCKED,
    'current',
    'now.0',
  ],
  [
    'mapped before /usr was covered, and replaced',
    { inTrees: NOW, inRoot: at(90, LAYER) },
    UNLOCKED,
    'deleted',
    'now.0',
  ],
  [
    'replaced through the overlay',
    { device: LAYER, inTrees: NOW, isDeleted: true, inRoot: at(90, LAYER) },
    UNLOCKED,
    'deleted',
    'now.0',
  ],
  [
    'copied up to be changed',
    { device: LAYER, inTrees: NOW, inRoot: at(90, LAYER) },
    UNLOCKED,
    'overlay',
    'now.0',
  ],
  [
    'added to the layer',
    { device: LAYER, inode: 90, inLayer: at(90), inRoot: at(90, LAYER) },
    UNLOCKED,
    'overlay',
    'now.0',
  ],
  [
    'added to a layer that cannot be read',
    { device: LAYER, inode: 90, inRoot: at(90, LAYER) },
    UNLOCKED,
    'overlay',
    'now.0',
  ],
  ['removed from the layer again', { device: LAYER, inode: 90, isDeleted: true }, UNLOCKED, 'deleted', null],
  ['deleted, in a container', { isDeleted: true, isForeign: true }, ROOT, 'outside', null],
  [
    'of another file system with the same number',
    { device: CONTAINER, inTrees: NOW, inRoot: at(10) },
    ROOT,
    'outside',
    null,
  ],
  ['elsewhere', { treePath: null }, ROOT, 'outside', null],
  [
    'of composefs',
    { device: LAYER, inRoot: at(10, LAYER) },
    { ...ROOT, isComposefs: true },
    'current',
    'now.0',
  ],
  [
    'of composefs, by the number of its object',
    { inTrees: NOW, inRoot: at(7, LAYER) },
    { ...ROOT, isComposefs: true },
    'current',
    'now.0',
  ],
  [
    'added over composefs',
    { device: LAYER, inode: 90, inRoot: at(90) },
    { ...UNLOCKED, isComposefs: true },
    'overlay',
    'now.0',
  ],
])('a file %s', (_, facts, root, state, tree) => {
  expect(originOfFile({ ...FILE, ...facts }, root)).toEqual({ state, tree });
});

test('a system that is not booted has no root to compare with', () => {
  const root = { ...ROOT, isBooted: false, aliases: new Set<number>() };
  expect(originOfFile({ ...FILE, inTrees: NOW }, root).state).toBe('current');
  expect(originOfFile({ ...FILE, inTrees: OLD }, root).state).toBe('older-tree');
  expect(originOfFile({ ...FILE, isDeleted: true }, root).state).toBe('outside');
});

test.each([
  ['/usr/lib64/libc.so.6', 'usr/lib64/libc.so.6', null],
  [`/sysroot/ostree/deploy/os/deploy/${'a'.repeat(64)}.1/usr/bin/x`, 'usr/bin/x', `${'a'.repeat(64)}.1`],
])('%s', (path, treePath, deployment) => {
  expect(treePlace({ path })).toEqual({ path: treePath, deployment });
});

test.each(['/var/lib/x', '/home/usr/bin/x', '/sysroot/ostree/deploy/os/deploy/abc.1/usr/bin/x'])(
  '%s is of no tree',
  (path) => {
    expect(treePlace({ path })).toBeNull();
  },
);
