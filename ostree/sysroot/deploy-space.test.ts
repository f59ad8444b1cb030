import { bytesNeeded } from '#ostree/sysroot/deploy-space.ts';
import { expect, test } from '#test/both-engines.ts';

test('a directory takes a block, a file as many as it fills, and something is kept back', () => {
  expect(
    bytesNeeded({ bsize: 4096 }, 10, [
      [1, 3],
      [4097, 2],
      [0, 5],
    ] as const),
  ).toBe(2 ** 20 + (10 + 3 + 4) * 4096);
});
