import { expect, test } from '#test/both-engines.ts';
import { deviceNumber, parseMountTable } from '#ostree/format/mount-table.ts';

test('a mount table with odd names, and lines that are none', () => {
  const [mount, ...others] = parseMountTable(
    '7 1 0:50 /a\\040b /c\\134d rw shared:3 master:1 - fuse.x src\\011x rw,a=b\nx\n7 1 x:y / /c rw - tmpfs t rw\n\n',
  );
  expect(others).toEqual([]);
  expect(mount).toEqual({
    device: 50,
    root: '/a b',
    point: '/c\\d',
    options: ['rw'],
    propagation: ['shared:3', 'master:1'],
    type: 'fuse.x',
    source: 'src\tx',
    superOptions: ['rw', 'a=b'],
  });
});

test.each([
  [0, 0, 0],
  [8, 1, 0x801],
  [259, 65535, 0xff103ff],
  [4096, 256, 2 ** 44 + 2 ** 20],
])('device %i:%i', (major, minor, device) => {
  expect(deviceNumber(major, minor)).toBe(device);
});
