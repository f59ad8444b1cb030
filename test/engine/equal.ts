/** What stands for many values within an expected one. */
export class Matching {
  readonly matches: (actual: unknown) => boolean;
  constructor(matches: (actual: unknown) => boolean) {
    this.matches = matches;
  }
}

/** The same structure; a property that is undefined is as good as none. */
export function isEqual(actual: unknown, expected: unknown): boolean {
  if (expected instanceof Matching) return expected.matches(actual);
  if (Object.is(actual, expected)) return true;
  if (!isObject(actual) || !isObject(expected)) return false;
  if (expected instanceof Error) return actual instanceof Error && actual.message === expected.message;
  if (isSequence(expected)) return isSequence(actual) && isEqualSequence(actual, expected);
  if (isSequence(actual)) return false;
  return Object.keys({ ...actual, ...expected }).every((key) => isEqual(actual[key], expected[key]));
}

/** As `isEqual`, for the properties that `expected` has, at any depth. */
export function hasProperties(actual: unknown, expected: unknown): boolean {
  if (expected instanceof Matching || !isObject(expected)) return isEqual(actual, expected);
  if (!isObject(actual)) return false;
  if (isSequence(expected))
    return (
      isSequence(actual) &&
      actual.length === expected.length &&
      expected.every((one, index) => hasProperties(actual[index], one))
    );
  return Object.keys(expected).every((key) => hasProperties(actual[key], expected[key]));
}

function isEqualSequence(actual: Sequence, expected: Sequence): boolean {
  return (
    actual.length === expected.length &&
    Array.isArray(actual) === Array.isArray(expected) &&
    expected.every((one, index) => isEqual(actual[index], one))
  );
}

type Sequence = readonly unknown[];

function isSequence(value: unknown): value is Sequence {
  return Array.isArray(value) || value instanceof Uint8Array;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
