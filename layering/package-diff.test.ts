import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatNevra, parseNevra } from '#layering/nevra.ts';
import { diffPackages, isEmptyDiff } from '#layering/package-diff.ts';

function names(list: readonly string[]) {
  return list.map(parseNevra);
}

function told(from: readonly string[], to: readonly string[]) {
  const diff = diffPackages(names(from), names(to));
  return {
    upgraded: diff.upgraded.map(({ from, to }) => `${formatNevra(from)} -> ${formatNevra(to)}`),
    downgraded: diff.downgraded.map(({ from, to }) => `${formatNevra(from)} -> ${formatNevra(to)}`),
    removed: diff.removed.map(formatNevra),
    added: diff.added.map(formatNevra),
  };
}

test('upgrades, downgrades, what came and what went, each by name', () => {
  expect(
    told(
      ['up-1.9-1.x86_64', 'down-2-1.noarch', 'gone-1-1.noarch', 'same-1-1.noarch', 'epoch-2:1-1.noarch'],
      ['up-1.10-1.x86_64', 'down-1-1.noarch', 'new-1-1.noarch', 'same-1-1.noarch', 'epoch-3-1.noarch'],
    ),
  ).toEqual({
    upgraded: ['up-1.9-1.x86_64 -> up-1.10-1.x86_64'],
    downgraded: ['down-2-1.noarch -> down-1-1.noarch', 'epoch-2:1-1.noarch -> epoch-3-1.noarch'],
    removed: ['gone-1-1.noarch'],
    added: ['new-1-1.noarch'],
  });
});

test('of several versions only those that one tree has are told', () => {
  expect(
    told(
      ['kernel-1-1.x86_64', 'kernel-2-1.x86_64', 'lib-1-1.i686', 'lib-1-1.x86_64'],
      ['kernel-2-1.x86_64', 'kernel-3-1.x86_64', 'kernel-4-1.x86_64', 'lib-1-1.x86_64'],
    ),
  ).toEqual({
    upgraded: [],
    downgraded: [],
    removed: ['kernel-1-1.x86_64', 'lib-1-1.i686'],
    added: ['kernel-3-1.x86_64', 'kernel-4-1.x86_64'],
  });
});

test('the diff applied to the one list gives the other', () => {
  const nevra = fc
    .tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom('noarch', 'x86_64'),
    )
    .map(([name, version, arch]) => `${name}-${version}-1.${arch}`);
  const list = fc.uniqueArray(nevra, { maxLength: 12 });
  fc.assert(
    fc.property(list, list, (from, to) => {
      const diff = told(from, to);
      const pairs = [...diff.upgraded, ...diff.downgraded].map((text) => text.split(' -> '));
      const gone = new Set([...diff.removed, ...pairs.map(([old]) => old)]);
      const result = [...from.filter((one) => !gone.has(one)), ...diff.added, ...pairs.map(([, now]) => now)];
      expect(result.sort()).toEqual([...to].sort());
      expect(isEmptyDiff(diffPackages(names(from), names(to)))).toBe(
        [...from].sort().join() === [...to].sort().join(),
      );
    }),
  );
});
