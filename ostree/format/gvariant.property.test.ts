import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { bytesToHex } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parse, serialize, swap32, swap64, type GValue } from '#ostree/format/gvariant.ts';

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

test('numbers are turned around and back', () => {
  expect(swap32(0x01020304)).toBe(0x04030201);
  expect(swap64(0x0102030405060708n)).toBe(0x0807060504030201n);
  fc.assert(fc.property(fc.nat(0xffffffff), (value) => swap32(swap32(value)) === value));
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => swap64(swap64(value)) === value));
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
  else expect(bytesToHex(again)).toBe(bytesToHex(bytes));
}
