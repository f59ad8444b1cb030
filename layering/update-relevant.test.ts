import { expect, test } from 'vitest';
import { parseNevra } from '#layering/nevra.ts';
import { NO_DIFFERENCE } from '#layering/package-diff.ts';
import { stillAvailable, type PresentTree } from '#layering/update-relevant.ts';
import type { AvailableUpdate } from '#layering/update-state.ts';

const change = (name: string) => ({
  from: parseNevra(`${name}-1-1.noarch`),
  to: parseNevra(`${name}-2-1.noarch`),
});
const advisory = (name: string) => ({
  ...({ id: name, kind: 'security', severity: 'low', title: '', references: [] } as const),
  packages: [parseNevra(`${name}-2-1.noarch`)],
});
const UPDATE: AvailableUpdate = {
  ...{
    osname: 'os',
    from: 'tree',
    baseFrom: 'base',
    origin: 'r:x',
    checksum: 'new',
    version: '2',
    timestamp: 1,
  },
  ...{ refHasNewCommit: true, base: { ...NO_DIFFERENCE, upgraded: [change('nano')] } },
  layered: { ...NO_DIFFERENCE, upgraded: [change('gdb'), change('strace')] },
  advisories: ['nano', 'gdb', 'strace'].map(advisory),
};
const PRESENT: PresentTree = {
  ...{ checksum: 'other', baseCommit: 'base', origin: 'r:x', packages: new Set(['gdb-1-1.noarch']) },
};

test('of another tree on the same base: the base, and what is still layered in that version', () => {
  const left = stillAvailable(UPDATE, PRESENT);
  expect(left?.layered.upgraded).toEqual([change('gdb')]);
  expect(left?.advisories.map(({ id }) => id)).toEqual(['nano', 'gdb']);
  expect(stillAvailable(UPDATE, { ...PRESENT, checksum: 'tree', packages: new Set() })).toBe(UPDATE);
});

test.each([
  ['on another base', UPDATE, { ...PRESENT, baseCommit: 'new' }],
  ['of another ref', UPDATE, { ...PRESENT, origin: 'r:y' }],
  [
    'of which nothing is left',
    { ...UPDATE, refHasNewCommit: false },
    { ...PRESENT, packages: new Set<string>() },
  ],
])('%s it is none', (_, update, present) => {
  expect(stillAvailable(update, present)).toBeNull();
});
