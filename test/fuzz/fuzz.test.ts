/** A small share of `npm run fuzz`, and what it found. */
import { expect, test } from 'vitest';
import { execute, fuzz } from './fuzz-run.ts';
import { PACKAGE_TARGETS } from './package-targets.ts';
import { FUZZ_TARGETS } from './targets.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

test.each([
  ['boot', FUZZ_TARGETS],
  ['packages', PACKAGE_TARGETS],
] as const)(
  '200,000 executions of the parsers of %s end in a value or a UserError',
  { timeout: 300_000 },
  (name, targets) => {
    const { executions, accepted, findings } = fuzz({ targets, executions: 200_000, seed: 1 });
    console.log(`fuzz, ${name}: ${executions} executions, ${accepted} accepted, ${findings.length} findings`);
    expect(findings).toEqual([]);
    expect(executions).toBeGreaterThan(199_999);
    expect(accepted).toBeGreaterThan(20_000);
  },
);

test('the same seed has the same outcomes', () => {
  const targets = FUZZ_TARGETS;
  const [one, two] = [1, 1].map((seed) => fuzz({ targets, executions: 5000, seed }).digest);
  expect(one).toBe(two);
  expect(fuzz({ targets, executions: 5000, seed: 2 }).digest).not.toBe(one);
});

test('an error that is no UserError is a finding', () => {
  const run = (error: Error) => (): string => {
    throw error;
  };
  const target = { name: 'x', seeds: [], words: [] };
  expect(execute({ ...target, run: run(new RangeError('x')) }, new Uint8Array()).kind).toBe('finding');
  expect(execute({ ...target, run: run(new UserError('X', 'x')) }, new Uint8Array()).kind).toBe('refused');
});

/** Each ended in something else than a value or a UserError once. */
test.for([
  ['units', '/ostree/boot.0/../bbbb/0'],
  ['units', '/ostree/root.a\0deploy/../deploy/a.0'],
  ['units', '/ostree/boot.0/a\n[Mount]/bbbb/0'],
] as const)('found once: %s %j', ([name, input]) => {
  const target = FUZZ_TARGETS.find((one) => one.name === name);
  expect(target && execute(target, utf8Bytes(input)).kind).toBe('refused');
});
