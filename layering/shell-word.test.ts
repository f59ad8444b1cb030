import { expect, test } from 'vitest';
import { shellWords } from '#layering/shell-word.ts';

test('what a shell would read otherwise is quoted', () => {
  const words = ['install', './a b.rpm', "it's", '$(reboot)', 'gtk+', '', 'foo(x86-64)', '--repo=a,/b'];
  expect(shellWords(words)).toBe(
    `install './a b.rpm' 'it'\\''s' '$(reboot)' gtk+ '' 'foo(x86-64)' --repo=a,/b`,
  );
});
