/** The matchers of `test/both-engines.ts` for the compact engine. */
import { hasProperties, isEqual, Matching } from '#test/engine/equal.ts';
import { shown } from '#test/engine/shown.ts';
import type { Expect, Matchers } from '#test/both-engines.ts';

export const expect: Expect = Object.assign((value: unknown, message?: string) => matchers(value, message), {
  objectContaining: (properties: object) => new Matching((actual) => hasShallow(actual, properties)),
  stringContaining: (part: string) =>
    new Matching((actual) => typeof actual === 'string' && actual.includes(part)),
});

type Check = (holds: boolean, wanted: string) => void;

function matchers(value: unknown, message?: string): Matchers {
  const about = message === undefined ? '' : `${message}: `;
  const fail = (word: string, wanted: string): never => {
    throw new Error(`${about}expected ${shown(value)} ${word}${wanted}`);
  };
  const positive = checking(value, (holds, wanted) => void (holds || fail('to ', wanted)));
  const negative = checking(value, (holds, wanted) => void (holds && fail('not to ', wanted)));
  return { ...positive, not: { ...negative, not: positive as Matchers } };
}

function checking(value: unknown, check: Check): Omit<Matchers, 'not'> {
  return {
    toBe: (expected) => check(Object.is(value, expected), `be ${shown(expected)}`),
    toEqual: (expected) => check(isEqual(value, expected), `equal ${shown(expected)}`),
    toMatchObject: (expected) => check(hasProperties(value, expected), `match ${shown(expected)}`),
    toBeNull: () => check(value === null, 'be null'),
    toBeUndefined: () => check(value === undefined, 'be undefined'),
    toBeGreaterThan: (low) => check((value as number) > low, `be greater than ${low}`),
    toBeInstanceOf: (constructor) => check(value instanceof constructor, `be a ${constructor.name}`),
    toContain: (part) => check(contains(value, part), `contain ${shown(part)}`),
    toHaveLength: (length) => check((value as Sized).length === length, `have the length ${length}`),
    toThrow: (expected) => check(throws(value as () => unknown, expected), `throw ${shown(expected)}`),
    toMatchInlineSnapshot: (text) => check(`\n"${String(value)}"\n` === unindented(text), `be:${text}`),
  };
}

interface Sized {
  readonly length: number;
}

function hasShallow(actual: unknown, properties: object): boolean {
  if (typeof actual !== 'object' || actual === null) return false;
  const object = actual as Readonly<Record<string, unknown>>;
  return Object.entries(properties).every(([key, expected]) => isEqual(object[key], expected));
}

function contains(value: unknown, part: unknown): boolean {
  return typeof value === 'string' ? value.includes(String(part)) : (value as unknown[]).includes(part);
}

function throws(action: () => unknown, expected: unknown): boolean {
  try {
    action();
  } catch (error) {
    if (expected === undefined) return true;
    if (typeof expected === 'string') return error instanceof Error && error.message.includes(expected);
    if (typeof expected === 'function')
      return error instanceof (expected as new (...values: never[]) => unknown);
    return isEqual(error, expected);
  }
  return false;
}

/** Without the indentation that the text has in the code: that of its first line. */
function unindented(text: string): string {
  const lines = text.split('\n');
  const first = lines[1] ?? '';
  const indentation = first.length - first.trimStart().length;
  return lines.map((line, index) => (index === lines.length - 1 ? '' : line.slice(indentation))).join('\n');
}
