import { expect, test } from 'vitest';
import { freeSpaceBudget } from '#ostree/repo/free-space.ts';

const fs = { type: 0, bsize: 4096, blocks: 1000, bfree: 100, bavail: 90, flags: 0 };

test.each([
  [{ size: null, percent: null }, (100 - 30) * 4096],
  [{ size: null, percent: '5' }, (100 - 50) * 4096],
  [{ size: null, percent: '50' }, 0],
  [{ size: null, percent: '0' }, Infinity],
  [{ size: '0MB', percent: '50' }, Infinity],
  [{ size: '1GB', percent: null }, 0],
])('%o leaves %d bytes', (config, budget) => {
  expect(freeSpaceBudget(config, fs).budget).toBe(budget);
});

test.each([
  [{ size: '10', percent: null }],
  [{ size: 'MB', percent: null }],
  [{ size: '-1MB', percent: null }],
  [{ size: null, percent: '100' }],
  [{ size: null, percent: 'x' }],
])('%o is refused', (config) => {
  expect(() => freeSpaceBudget(config, fs)).toThrow(expect.objectContaining({ code: 'BAD_REPO' }));
});
