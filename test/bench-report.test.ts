import { expect, test } from 'vitest';
import { marked, withMarked } from '#test/bench/replace-marked.ts';

const PAGE = 'a\n<!-- one -->\n\nold\n\n<!-- end -->\nb\n<!-- two -->\n\nelse\n\n<!-- end -->\n';

test('a part of a page is replaced, and what is around it stays', () => {
  expect(marked(PAGE, '<!-- one -->')).toBe('old');
  const changed = withMarked(PAGE, '<!-- one -->', 'new\n');
  expect(changed).toBe(PAGE.replace('old', 'new'));
  expect(marked(changed, '<!-- two -->')).toBe('else');
  expect(() => withMarked(PAGE, '<!-- three -->', '')).toThrow("there is no '<!-- three -->'");
});
