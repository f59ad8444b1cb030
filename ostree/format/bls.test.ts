import { describe, expect, test } from '#test/both-engines.ts';
import {
  compareVersions,
  formatBls,
  formatBlsFileName,
  overlayInitrds,
  parseBls,
  parseBlsFileName,
  withBlsValue,
} from '#ostree/format/bls.ts';

const TEXT = `title Test OS 1 1.0 (ostree:0)
version 1
options root=LABEL=x quiet ostree=/ostree/boot.1/testos/abc/0
linux /ostree/testos-abc/vmlinuz-6.1
initrd /ostree/testos-abc/initramfs-6.1.img
initrd /ostree/initramfs-overlays/def.img
fdtdir /ostree/testos-abc/dtb
`;

test('an entry comes back as it was, other keys kept', () => {
  const entry = parseBls(TEXT);
  expect(formatBls(entry)).toBe(TEXT);
  expect(overlayInitrds(entry)).toEqual(['/ostree/initramfs-overlays/def.img']);
  expect(overlayInitrds(withBlsValue(entry, 'initrd', '/new'))).toEqual([
    '/ostree/initramfs-overlays/def.img',
  ]);
});

test('keys are put in the order of ostree', () => {
  const entry = parseBls('x-own 1\nlinux /l\ntitle T\noptions\ta b\n');
  expect(formatBls(entry)).toBe('title T\noptions a b\nlinux /l\nx-own 1\n');
});

test('comments and lines without a value are passed over', () => {
  expect(parseBls('# title x\n\n title y\nversion\nlinux /l\r\n').fields).toEqual([['linux', '/l']]);
});

test('a value with a line end is refused', () => {
  expect(() => formatBls(withBlsValue({ fields: [] }, 'title', 'a\noptions b'))).toThrow('line end');
});

describe('file names', () => {
  test.each([
    ['ostree-2.conf', { version: 2, stateroot: null, tries: null }],
    ['ostree-1-testos.conf', { version: 1, stateroot: 'testos', tries: null }],
    ['ostree-1-my-os.conf', { version: 1, stateroot: 'my-os', tries: null }],
    ['ostree-3+2.conf', { version: 3, stateroot: null, tries: { left: 2, used: 0 } }],
    ['ostree-3+2-1.conf', { version: 3, stateroot: null, tries: { left: 2, used: 1 } }],
    ['ostree-1-a+b.conf', { version: 1, stateroot: 'a+b', tries: null }],
  ])('%s', (name, parts) => {
    expect(parseBlsFileName(name)).toEqual(parts);
    expect(formatBlsFileName(parts)).toBe(name);
  });
  test.each(['ostree-.conf', 'ostree-x.conf', 'other-1.conf', 'ostree-1.conf.tmp', 'ostree-.conf'])(
    '%s',
    (name) => {
      expect(parseBlsFileName(name)).toBeNull();
    },
  );
});

test.each([
  ['2', '10', -1],
  ['10', '9', 1],
  ['3', '3', 0],
  ['', '1', -1],
  ['1.9', '1.10', -1],
])('versions %s and %s', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
