import { expect, test } from 'vitest';
import { unitName } from '#layering/mask-units.ts';

test.each([
  ['sshd', 'sshd.service'],
  ['getty@tty1.service', 'getty@tty1.service'],
  ['-.mount', '-.mount'],
])('%s is the unit %s', (text, name) => {
  expect(unitName(text)).toBe(name);
});

test.each(['--now', '-a', '../x', '.x', ''])('%j is the name of no unit', (text) => {
  expect(() => unitName(text)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
});
