import { expect, test } from 'vitest';
import { codeOf } from '#ostree/format/errors.ts';
import { readSignatures } from '#layering/openpgp-signature.ts';

/** Version 3, RSA and SHA-256, of 2048 bits of nothing. */
function version3(more: Partial<Record<number, number>> = {}): Buffer {
  const body = Buffer.alloc(21 + 256, 7);
  body.set([3, 5, 0, 0x60, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 8, 0, 0, 8, 0]);
  for (const [at, byte] of Object.entries(more)) body[Number(at)] = byte ?? 0;
  return Buffer.concat([Buffer.from([0x89, body.length >> 8, body.length & 0xff]), body]);
}

test('a signature of version 3 names its key', async () => {
  expect(await readSignatures(version3())).toMatchObject([{ issuer: '0102030405060708', fault: null }]);
});

test.each<[string, Partial<Record<number, number>>, string]>([
  ['DSA', { 15: 17 }, 'WEAK_SIGNATURE'],
  ['MD5', { 16: 1 }, 'WEAK_SIGNATURE'],
  ['an unknown algorithm', { 15: 99 }, 'UNSUPPORTED_SIGNATURE'],
  ['over text', { 2: 1 }, 'UNSUPPORTED_SIGNATURE'],
  ['version 2', { 0: 2 }, 'UNSUPPORTED_SIGNATURE'],
  ['a value that is longer than the packet', { 19: 255 }, 'UNSUPPORTED_SIGNATURE'],
])('%s proves nothing', async (_, more, code) => {
  const [signature] = await readSignatures(version3(more));
  expect(codeOf(signature?.fault)).toBe(code);
});

test('cut off anywhere it is refused, or proves nothing', async () => {
  const whole = version3();
  for (let length = 0; length < whole.length; length++) {
    const cut = Buffer.from(whole.subarray(0, length));
    // As it is, and with a length that fits.
    const fitting = Buffer.from(cut);
    if (length > 3) fitting.set([(length - 3) >> 8, (length - 3) & 0xff], 1);
    for (const bytes of [cut, fitting]) {
      const code = await readSignatures(bytes).then(
        ([signature]) => codeOf(signature?.fault),
        (error: unknown) => codeOf(error),
      );
      expect([length, code]).toEqual([length, expect.stringMatching(/^(BAD|UNSUPPORTED)_SIGNATURE$/)]);
    }
  }
});
