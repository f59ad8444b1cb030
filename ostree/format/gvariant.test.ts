import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '#ostree/format/errors.ts';
import { parse, serialize, swap32, swap64, type GValue } from '#ostree/format/gvariant.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('the examples of the GVariant specification, section 2.5', () => {
  test.each<[string, GValue, string]>([
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

const TEXT = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));

/** A type with a value of it. */
const typed: fc.Arbitrary<readonly [string, GValue]> = fc.letrec<{ any: readonly [string, GValue] }>(
  (tie) => ({
    any: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.boolean().map((value) => ['b', value] as const),
      fc.integer({ min: 0, max: 255 }).map((value) => ['y', value] as const),
      fc.integer({ min: -0x8000, max: 0x7fff }).map((value) => ['n', value] as const),
      fc.integer({ min: 0, max: 0xffff }).map((value) => ['q', value] as const),
      fc.integer().map((value) => ['i', value] as const),
      fc.nat(0xffffffff).map((value) => ['u', value] as const),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => ['x', value] as const),
      fc.bigInt(0n, 2n ** 64n - 1n).map((value) => ['t', value] as const),
      fc.double({ noNaN: true }).map((value) => ['d', value] as const),
      TEXT.map((value) => ['s', value] as const),
      fc.uint8Array({ maxLength: 300 }).map((value) => ['ay', value] as const),
      fc.array(TEXT, { maxLength: 40 }).map((value) => ['as', value] as const),
      tie('any').map(([type, value]) => ['v', { type, value }] as const),
      tie('any')
        .map(([type, value]) => [`m${type}`, value] as const)
        .filter(([type]) => !type.startsWith('mm')),
      fc
        .tuple(tie('any'), fc.nat(5))
        .map(([[type, value], count]) =>
          type === 'y'
            ? (['ay', new Uint8Array(count).fill(value as number)] as const)
            : ([`a${type}`, new Array<GValue>(count).fill(value)] as const),
        ),
      fc
        .array(tie('any'), { maxLength: 5 })
        .map(
          (members) =>
            [`(${members.map(([type]) => type).join('')})`, members.map(([, value]) => value)] as const,
        ),
      fc.tuple(TEXT, tie('any')).map(([key, [type, value]]) => [`{s${type}}`, [key, value]] as const),
    ),
  }),
).any;

test('what was written is read again, for any type', () => {
  fc.assert(
    fc.property(typed, ([type, value]) => {
      expect(parse(type, serialize(type, value))).toEqual(value);
    }),
    { numRuns: 1000 },
  );
});

test('any bytes are either a value that is written the same again, or one clear error', () => {
  const types = [
    's',
    'as',
    'a{sv}',
    '(uuua(ayay))',
    '(a(say)a(sayay))',
    '(a{sv}aya(say)sstayay)',
    'v',
    'mas',
    'a(ybt)',
    '(sas(yv))',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
      expectValueOrError(type, bytes);
    }),
    { numRuns: 3000 },
  );
});

test('a written value with some bytes changed is read or refused, never wrongly', () => {
  fc.assert(
    fc.property(typed, fc.nat(), fc.nat(255), ([type, value], at, byte) => {
      const bytes = serialize(type, value);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      expectValueOrError(type, bytes);
    }),
    { numRuns: 1000 },
  );
});

function expectValueOrError(type: string, bytes: Uint8Array): void {
  let value: GValue;
  try {
    value = parse(type, bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return;
  }
  const again = serialize(type, value);
  // JavaScript has one NaN for many: where a double may be, values are compared instead of bytes.
  if (type.includes('d') || bytes.includes('d'.charCodeAt(0))) expect(parse(type, again)).toEqual(value);
  else expect(hex(again)).toBe(hex(bytes));
}

test.each<[string, GValue]>([
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

test('numbers are turned around and back', () => {
  expect(swap32(0x01020304)).toBe(0x04030201);
  expect(swap64(0x0102030405060708n)).toBe(0x0807060504030201n);
  fc.assert(fc.property(fc.nat(0xffffffff), (value) => swap32(swap32(value)) === value));
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => swap64(swap64(value)) === value));
});
