import { describe, expect, test } from '#test/both-engines.ts';
import { bytesToHex, hexToBytes } from '#ostree/format/checksum.ts';
import { parse, serialize, type GValue } from '#ostree/format/gvariant.ts';

const hex = bytesToHex;
const unhex = (text: string): Uint8Array => hexToBytes(text.replaceAll(' ', ''));

describe('the examples of the GVariant specification, section 2.5', () => {
  test.each<readonly [string, GValue, string]>([
    ['s', 'hello world', '68656c6c6f20776f726c6400'],
    ['ms', 'hello world', '68656c6c6f20776f726c640000'],
    ['ab', [true, false, false, true, true], '0100000101'],
    ['(si)', ['foo', -1], '666f6f00 ffffffff 04'],
    [
      'a(si)',
      [
        ['hi', -2],
        ['bye', -1],
      ],
      '68690000 feffffff 03000000 62796500 ffffffff 04 09 15',
    ],
    ['as', ['i', 'can', 'has', 'strings?'], '6900 63616e00 68617300 737472696e67733f00 02060a13'],
    ['ay', Uint8Array.of(4, 5, 6, 7), '04050607'],
    ['(y)', [7], '07'],
    ['()', [], '00'],
    ['{sv}', ['k', { type: 'y', value: 1 }], '6b00 000000000000 01 00 79 02'],
    ['(yu)', [0x70, 0x60], '70000000 60000000'],
    ['(iy)', [0x60, 0x70], '60000000 70000000'],
    ['au', [4, 0x102], '04000000 02010000'],
  ])('%s', (type, value, bytes) => {
    expect(hex(serialize(type, value))).toBe(bytes.replaceAll(' ', ''));
    expect(parse(type, unhex(bytes))).toEqual(value);
  });
});

test.each<readonly [string, GValue]>([
  ['u', -1],
  ['y', 256],
  ['s', 'nul\0inside'],
  ['s', 1],
  ['t', -1n],
  ['(su)', ['only one']],
  ['as', [1]],
  ['Q', 0],
  ['a', []],
  ['(s', ['x']],
  ['{s}', ['x']],
])('a value that is not of type %s is refused', (type, value) => {
  expect(() => serialize(type, value)).toThrow(expect.objectContaining({ code: 'BAD_GVARIANT' }));
});

test('a type nested without end is refused, and so is such a value', () => {
  expect(() => serialize('a'.repeat(10_000) + 'y', [])).toThrow(
    expect.objectContaining({ code: 'BAD_GVARIANT' }),
  );
  let bytes = Uint8Array.of(0, 0, 0x79);
  for (let i = 0; i < 1000; i++) bytes = Uint8Array.of(...bytes, 0, 0x76);
  expect(() => parse('v', bytes)).toThrow(expect.objectContaining({ code: 'BAD_GVARIANT' }));
});
