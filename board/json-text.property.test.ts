import fc from 'fast-check';
import { jsonText, type JsonValue } from '#board/json-text.ts';
import { expect, test } from '#test/both-engines.ts';

const numbers = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));

test('the text is that of JSON.stringify', () => {
  const values = fc.jsonValue({ stringUnit: 'binary' });
  fc.assert(
    fc.property(fc.oneof(values, numbers), (value) => {
      expect(jsonText(value as JsonValue)).toBe(JSON.stringify(value, null, 2));
    }),
  );
});

test('half surrogate pairs and control characters are escaped', () => {
  for (const text of ['\ud800', 'a\udc00b', '\u0000\u001f\u007f', '"\\\b\f\n\r\t', '😀'])
    expect(jsonText(text)).toBe(JSON.stringify(text));
});
