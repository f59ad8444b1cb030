import { expect, test } from 'vitest';
import { richNames } from '#layering/rpm-rich-names.ts';

test.each([
  ['bash', ''],
  ['(zz if aa)', 'zz !aa'],
  ['(b if c else d)', 'b c d !c'],
  ['((a or b) if (c and d))', 'a b !c !d'],
  ['((longname or b) and c >= 1)', 'b c longname'],
  ['(B or a or C or a)', 'B C a'],
  ['((m if n else l) and (o if k))', 'l m n o !k !n'],
  ['(a if b else (c if d else e))', 'a b c d e !b !d'],
  ['(a if (b or c) else (d or e))', 'a b c d e !b !c'],
  ['(x unless y else (z unless w))', 'x y z !w !y'],
  ['(libc.so.6(GLIBC_2.34)(64bit) or font(:lang=en))', 'font(:lang=en) libc.so.6(GLIBC_2.34)(64bit)'],
  ['(a or', ''],
  ['(a b)', ''],
  ['()', ''],
  [`${'('.repeat(100_000)}a`, ''],
])('%.60s', (dependency, names) => {
  expect(richNames(dependency).join(' ')).toBe(names);
});
