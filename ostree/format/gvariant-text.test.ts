import { expect, test } from '#test/both-engines.ts';
import { gvariantText, byteswapped } from '#ostree/format/gvariant-text.ts';
import { parseGvariantText } from '#ostree/format/gvariant-parse-text.ts';

// As g_variant_print() of GLib 2.74 writes them.
test.each([
  `'plain'`,
  `"with'quote"`,
  `'line\\nbreak\\ttab\\\\'`,
  'uint32 5',
  '-3',
  'int64 -9',
  'uint64 18446744073709551615',
  '2.5',
  '1.0',
  'byte 0x07',
  'true',
  `['a', 'b']`,
  '@as []',
  '@ay []',
  '[byte 0x01, 0x02]',
  `b'foo'`,
  `(1, 'x')`,
  '(uint32 1,)',
  `{'a': <1>, 'b': <@as []>}`,
  '@a{sv} {}',
  `<('x', uint16 5)>`,
  `@ms 'x'`,
  '@mi nothing',
  `[('a', 1), ('b', 2)]`,
])('%s is printed as it was read', (text) => {
  const { type, value } = parseGvariantText(text);
  expect(gvariantText(type, value)).toBe(text);
});

test.each([
  '',
  'uint32',
  'uint32 -1',
  'foo',
  `'open`,
  '[1, ',
  `[1, 'a']`,
  '[]',
  '{}',
  '(1',
  '5 6',
  '<',
  '@',
  '@u',
  'byte 300',
  '1.5e',
  '('.repeat(500),
])('%s is refused', (text) => {
  expect(() => parseGvariantText(text)).toThrow(expect.objectContaining({ code: 'BAD_GVARIANT' }));
});

test('all numbers are turned around, wherever they are', () => {
  expect(byteswapped('(nqiuxtd)', [1, 1, 1, 1, 1n, 1n, 0])).toEqual([
    256,
    256,
    16777216,
    16777216,
    1n << 56n,
    1n << 56n,
    0,
  ]);
  expect(byteswapped('a{sv}', [['k', { type: 'u', value: 5 }]])).toEqual([
    ['k', { type: 'u', value: 83886080 }],
  ]);
});
