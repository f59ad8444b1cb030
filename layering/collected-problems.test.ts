import { expect, test } from 'vitest';
import { collectProblems } from '#layering/collected-problems.ts';
import { UserError } from '#ostree/format/errors.ts';

function failing(count: number) {
  const problems = collectProblems();
  for (let i = 1; i <= count; i++)
    problems.attempt(() => {
      throw new UserError(`CODE_${i}`, `problem ${i}`, { hint: 'the same hint' });
    });
  return problems;
}

test('nothing is thrown where nothing failed, and one problem as it is', () => {
  const problems = collectProblems();
  expect(problems.attempt(() => 7)).toBe(7);
  problems.throwIfAny();
  expect(() => failing(1).throwIfAny()).toThrow(
    new UserError('CODE_1', 'problem 1', { hint: 'the same hint' }),
  );
});

test('several come as lines, at most ten of them, with each hint once', () => {
  const expected = { code: 'CODE_1', message: 'problem 1\nproblem 2', hint: 'the same hint' };
  expect(() => failing(2).throwIfAny()).toThrow(expect.objectContaining(expected));
  expect(() => failing(13).throwIfAny()).toThrow(/\nproblem 10\nand 3 more$/);
});

test('an error that is not about the input is not kept', async () => {
  const problems = collectProblems();
  expect(() => problems.attempt(() => JSON.parse('{') as unknown)).toThrow(SyntaxError);
  await expect(problems.attemptAsync(() => Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError);
  expect(await problems.attemptAsync(() => Promise.reject(new UserError('X', 'x')))).toBeNull();
});
