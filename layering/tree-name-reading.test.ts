import { expect, test } from 'vitest';
import { readSuffix, splitBase } from '#layering/tree-name-reading.ts';

const known = {
  isGroup: (id: string) => ['tracing', 'a+b'].includes(id),
  isPackage: (name: string) => ['gdb', 'gtk+', 'gtk', 'gdb-nano', 'libstdc++-devel', 'devel'].includes(name),
  isBasePackage: (name: string) => ['nano', 'devel'].includes(name),
};

test('the whole name is tried first, then each shorter base', () => {
  expect(splitBase('b/silver-blue+gdb').map(({ base }) => base)).toEqual([
    'b/silver-blue+gdb',
    'b/silver-blue',
    'b/silver',
  ]);
});

test.each([
  ['', [{ groups: [], packages: [], removals: [] }]],
  ['+@tracing-nano', [{ groups: ['tracing'], packages: [], removals: ['nano'] }]],
  ['+@a+b+libstdc++-devel', [{ groups: ['a+b'], packages: ['libstdc++-devel'], removals: [] }]],
  ['+gtk++gdb', [{ groups: [], packages: ['gtk+', 'gdb'], removals: [] }]],
  [
    '+gdb-nano',
    [
      { groups: [], packages: ['gdb'], removals: ['nano'] },
      { groups: [], packages: ['gdb-nano'], removals: [] },
    ],
  ],
  ['+nope', []],
  ['+gdb-nope', []],
  ['+', []],
  ['--', []],
])('%s', (suffix, readings) => {
  expect(readSuffix(suffix, known)).toEqual(readings);
});

test('a long name of many readings is read in a bounded time', () => {
  const everything = { isGroup: () => true, isPackage: () => true, isBasePackage: () => true };
  expect(readSuffix('+a-b'.repeat(500), everything)).toHaveLength(16);
});
