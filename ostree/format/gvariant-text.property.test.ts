import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { parseGvariantText } from '#ostree/format/gvariant-parse-text.ts';

test('any text is read or refused', () => {
  const piece = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '<',
    '>',
    ',',
    ':',
    "'",
    '"',
    '\\',
    '@as',
    'uint32',
    '5',
    'b',
    'just',
    'nothing',
    ' ',
    '-',
    'e',
    '\\u12',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        parseGvariantText(pieces.join(''));
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_GVARIANT' });
      }
    }),
    { numRuns: 2000 },
  );
});
