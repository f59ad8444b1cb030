import { describe, expect, test } from '#test/both-engines.ts';
import { bytesToHex, hexToBytes } from '#ostree/format/checksum.ts';
import { compareBytewise, utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

describe('both ways', () => {
  test.each([
    ['', ''],
    ['a\0b', '610062'],
    ['\u007f\u0080\u07ff\u0800', '7fc280dfbfe0a080'],
    ['\ufffd\uffff\u{10000}\u{10ffff}', 'efbfbdefbfbff0908080f48fbfbf'],
  ])('%j', (text, hex) => {
    expect(bytesToHex(utf8Bytes(text))).toBe(hex);
    expect(utf8Text(hexToBytes(hex))).toBe(text);
  });
});

test('half a surrogate pair becomes the replacement character', () => {
  expect(bytesToHex(utf8Bytes('a\ud800b\udc00'))).toBe('61efbfbd62efbfbd');
});

describe('bytes that are not UTF-8 are refused', () => {
  test.each(['80', 'c080', 'c1bf', 'c3', 'c341', 'e08080', 'eda080', 'f0808080', 'f4908080', 'f8', 'ff'])(
    '%s',
    (hex) => {
      expect(utf8Text(hexToBytes(hex))).toBeNull();
    },
  );
});

test('the order is that of the bytes, also above U+FFFF', () => {
  expect(['\u{1f600}', '\uffee', 'b', 'ab', 'a', 'ä'].sort(compareBytewise)).toEqual([
    'a',
    'ab',
    'b',
    'ä',
    '\uffee',
    '\u{1f600}',
  ]);
});
