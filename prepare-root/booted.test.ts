import { expect, test } from '#test/both-engines.ts';
import { parse } from '#ostree/format/gvariant.ts';
import { bootedRecord } from '#prepare-root/booted.ts';
import { parseBooted, planRemount } from '#prepare-root/remount.ts';

test('the keys, their order and types', () => {
  const bytes = bootedRecord({
    device: 65025,
    inode: 2 ** 40 + 1,
    rootTransient: 'readonly',
    composefs: { verity: true, signedBy: '/etc/key' },
    sysrootReadonly: true,
    transientEtc: '/run/x',
  });
  expect(parse('a{sv}', bytes)).toEqual([
    ['backing-root-device-inode', { type: '(tt)', value: [65025n, 2n ** 40n + 1n] }],
    ['root.transient', { type: 'b', value: true }],
    ['root.transient-ro', { type: 'b', value: true }],
    ['composefs.signed', { type: 's', value: '/etc/key' }],
    ['composefs', { type: 'b', value: true }],
    ['composefs.verity', { type: 'b', value: true }],
    ['sysroot-ro', { type: 'b', value: true }],
    ['transient-etc', { type: 's', value: '/run/x' }],
  ]);
  expect(parseBooted(bytes)).toEqual({ sysrootReadonly: true, composefs: true, transientEtc: '/run/x' });
});

test('what is remounted writable', () => {
  const record = (sysrootReadonly: boolean, transientEtc: string | null): readonly string[] =>
    planRemount(
      parseBooted(
        bootedRecord({
          device: 1,
          inode: 2,
          rootTransient: 'no',
          composefs: null,
          sysrootReadonly,
          transientEtc,
        }),
      ),
    );
  expect(record(false, null)).toEqual(['/sysroot', '/var']);
  expect(record(true, null)).toEqual(['/etc', '/var']);
  expect(record(true, '/run/x')).toEqual(['/var']);
  expect(planRemount(parseBooted(new Uint8Array()))).toEqual(['/sysroot', '/var']);
});
