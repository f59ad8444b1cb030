// The platform's own coders are the peers here, so these run under Node only.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytewise, utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

const anyText = fc.string({ unit: 'binary' });

describe('UTF-8', () => {
  test('agrees with the platform, both ways', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(Buffer.from(utf8Bytes(text)).equals(Buffer.from(text, 'utf8'))).toBe(true);
        expect(utf8Text(Buffer.from(text, 'utf8'))).toBe(Buffer.from(text, 'utf8').toString('utf8'));
      }),
    );
  });

  test('refuses exactly what a strict decoder refuses', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const decode = (bytes: Uint8Array): string | null => {
      try {
        return strict.decode(bytes);
      } catch {
        return null;
      }
    };
    // Bytes around the lead and continuation ranges, where the rules differ.
    const byte = fc.constantFrom(
      0,
      0x41,
      0x7f,
      0x80,
      0xa0,
      0xbf,
      0xc0,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.array(byte, { maxLength: 6 }), (any, chosen) => {
        for (const bytes of [any, Uint8Array.from(chosen)]) expect(utf8Text(bytes)).toBe(decode(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  test('names sort as their bytes do, also above U+FFFF', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
        expect(Math.sign(compareBytewise(a, b))).toBe(expected);
      }),
    );
    expect(compareBytewise('\u{1f600}', '\uffee')).toBeGreaterThan(0);
  });

  test('text longer than one chunk comes back whole', () => {
    const text = 'ä'.repeat(10_001);
    expect(utf8Text(utf8Bytes(text))).toBe(text);
  });
});
