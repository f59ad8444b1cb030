import { expect, test } from 'vitest';
import {
  asksAgain,
  changedInitramfs,
  INITRAMFS_OF_TREE,
  undoneInitramfs,
  type InitramfsChange,
  type InitramfsRequest,
} from '#layering/initramfs-request.ts';
import { asksForBaseTree, isPureOrigin, readLayerOrigin, writeLayerOrigin } from '#layering/layer-origin.ts';
import { formatKeyFile, parseKeyFile } from '#ostree/format/keyfile.ts';

const enable = (...args: string[]): InitramfsChange => ({ kind: 'regenerate', enable: true, args });
const DISABLE: InitramfsChange = { kind: 'regenerate', enable: false, args: [] };
const ENABLED: InitramfsRequest = { ...INITRAMFS_OF_TREE, regenerate: true };

function etc(track: string[], untrack: string[] | null = []): InitramfsChange {
  return { kind: 'etc', track, untrack, forceSync: false };
}

test('an origin of rpm-ostree is read, and written as it was: arguments in their order', () => {
  const text =
    '[origin]\nbaserefspec=b\n\n[rpmostree]\nregenerate-initramfs=true\ninitramfs-args=-I;/etc/z.conf /etc/a.conf;\n\n' +
    '[yum-ostree]\ntree-name=b\n';
  const file = parseKeyFile(text, 'origin');
  const origin = readLayerOrigin(file);
  expect(origin.initramfs).toEqual({ regenerate: true, args: ['-I', '/etc/z.conf /etc/a.conf'], etc: [] });
  expect(formatKeyFile(writeLayerOrigin(file, origin, 'b'))).toBe(text);
  expect(asksForBaseTree(origin)).toBe(false);
  const disabled = { ...origin, initramfs: changedInitramfs(origin.initramfs, DISABLE) };
  expect(formatKeyFile(writeLayerOrigin(file, disabled, 'b')).trim()).toBe('[origin]\nrefspec=b');
});

test('tracked files leave the tree as it is, and the origin no longer names it as what is deployed', () => {
  const file = parseKeyFile('[origin]\nrefspec=b\n', 'origin');
  const before = readLayerOrigin(file);
  const origin = { ...before, initramfs: changedInitramfs(before.initramfs, etc(['/etc/b', '/etc/a'])) };
  expect([asksForBaseTree(origin), isPureOrigin(origin)]).toEqual([true, false]);
  expect(formatKeyFile(writeLayerOrigin(file, origin, 'b'))).toBe(
    '[origin]\nbaserefspec=b\n\n[rpmostree]\ninitramfs-etc=/etc/a;/etc/b;\n\n[yum-ostree]\ntree-name=b\n',
  );
});

test('tracking adds and takes away', () => {
  const two = changedInitramfs(INITRAMFS_OF_TREE, etc(['/etc/b', '/etc/a', '/etc/b']));
  expect(two.etc).toEqual(['/etc/a', '/etc/b']);
  expect(changedInitramfs(two, etc(['/etc/c'], ['/etc/a', '/etc/x'])).etc).toEqual(['/etc/b', '/etc/c']);
  expect(changedInitramfs(two, etc(['/etc/c'], null)).etc).toEqual(['/etc/c']);
});

test.each(['/', '/etc', '/etc/', '/var/x', 'etc/x', '/etc/../usr/x', '/etc/./x', '/etc//x', '/etc/x\n'])(
  '%j cannot be tracked',
  (path) => {
    expect(() => changedInitramfs(INITRAMFS_OF_TREE, etc([path]))).toThrow(
      expect.objectContaining({ code: 'USAGE' }) as Error,
    );
  },
);

test('regeneration that is as asked is an error, unless there are arguments', () => {
  expect(() => changedInitramfs(ENABLED, enable())).toThrow(/already enabled/);
  expect(() => changedInitramfs(INITRAMFS_OF_TREE, DISABLE)).toThrow(/already disabled/);
  expect(changedInitramfs(ENABLED, enable('-v')).args).toEqual(['-v']);
  expect(changedInitramfs({ ...ENABLED, args: ['-v'] }, enable()).args).toEqual([]);
  expect([asksAgain(enable('-v')), asksAgain(DISABLE), asksAgain(null)]).toEqual([true, false, false]);
});

test('an initramfs made here and tracked files exclude each other', () => {
  expect(() => changedInitramfs(ENABLED, etc(['/etc/a']))).toThrow(/exclude each other/);
  expect(() => changedInitramfs({ ...INITRAMFS_OF_TREE, etc: ['/etc/a'] }, enable())).toThrow(
    /exclude each other/,
  );
});

test('undoing takes back what the change did, and leaves what came later', () => {
  const before = { ...INITRAMFS_OF_TREE, etc: ['/etc/gone'] };
  const after = { ...INITRAMFS_OF_TREE, etc: ['/etc/new'] };
  const present = { ...INITRAMFS_OF_TREE, etc: ['/etc/later', '/etc/new'] };
  expect(undoneInitramfs(present, { before, after }).etc).toEqual(['/etc/gone', '/etc/later']);
  const enabled = { before: INITRAMFS_OF_TREE, after: { ...ENABLED, args: ['-v'] } };
  expect(undoneInitramfs({ ...ENABLED, args: ['-v'] }, enabled)).toEqual(INITRAMFS_OF_TREE);
});
