import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTreeName, isPureBase, NO_ITEMS } from '#layering/tree-name.ts';
import { quoteRefComponent, treeRef, unquoteRefComponent } from '#layering/tree-ref.ts';
import { isRefName } from '#ostree/format/ref-name.ts';

const BASE = 'fedostree/20/x86_64/base/minimal';

test('the name lists groups, packages, removals, each sorted bytewise', () => {
  const items = { groups: ['tracing', 'core'], packages: ['gdb', 'Zlib', 'gdb'], removals: ['nano', 'ed'] };
  expect(formatTreeName(`remote:${BASE}`, items)).toBe(`${BASE}+@core+@tracing+Zlib+gdb-ed-nano`);
  expect(formatTreeName(BASE, NO_ITEMS)).toBe(BASE);
  expect(isPureBase(NO_ITEMS)).toBe(true);
  expect(isPureBase(items)).toBe(false);
});

test('the ref quotes what ref names forbid', () => {
  expect(treeRef(`${BASE}+@tracing+gdb-nano`)).toBe(
    'yum-ostree/fedostree/20/x86__64/base/minimal_2B_40tracing_2Bgdb-nano',
  );
  expect(quoteRefComponent('libstdc++~rc1:2')).toBe('libstdc_2B_2B_7Erc1_3A2');
  expect(quoteRefComponent('é')).toBe('_C3_A9');
});

test('a component of more than 200 bytes is cut and told apart by a hash', () => {
  const packages = Array.from({ length: 60 }, (_, i) => `package-${i}`);
  const ref = treeRef(formatTreeName(BASE, { ...NO_ITEMS, packages }));
  const other = treeRef(formatTreeName(BASE, { ...NO_ITEMS, packages: [...packages, 'more'] }));
  expect(ref.split('/').map((part) => part.length)).toEqual([10, 9, 2, 7, 4, 200]);
  expect(isRefName(ref)).toBe(true);
  expect(other).not.toBe(ref);
});

test('quoting is undone exactly and always gives a valid component', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (text) => {
      const quoted = quoteRefComponent(text);
      expect(isRefName(quoted) || quoted.length > 255).toBe(true);
      expect(unquoteRefComponent(quoted)).toBe(text);
    }),
  );
});
