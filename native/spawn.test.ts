import { expect, sys, test } from '#test/both-engines.ts';

function shell(script: string, env: readonly string[] = []): number | null {
  return sys.spawn('sh', ['sh', '-c', script], env);
}

test.each([
  ['exit 0', 0],
  ['exit 7', 7],
  ['kill -9 $$', 137],
  // Its own default: a writer to a closed pipe ends silently.
  ['kill -PIPE $$', 141],
] as const)("spawn '%s' gives %i", (script, code) => {
  expect(shell(script)).toBe(code);
});

test('the environment is what was given', () => {
  expect(shell('[ "$A-$HOME" = "b c-" ]', ['A=b c'])).toBe(0);
});

test('a program that is not there', () => {
  expect(sys.spawn('no-such-program-of-ours', ['x'], [])).toBeNull();
  expect(() => sys.spawn('/etc/passwd', ['x'], [])).toThrow('Permission denied');
});
