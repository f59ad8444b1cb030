/**
 * The tests of what runs in both engines are written against this page: `npm test` runs them under Node, where these
 * are vitest's own, and inside the compact engine, where `test/engine/runner.ts` takes this module's place. So a test
 * sees no `node:` module and no RegExp; it has the system calls.
 */
import * as vitest from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import type { Syscalls } from '#native/syscalls.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

export interface Matchers {
  readonly not: Matchers;
  /** Object.is. */
  toBe(expected: unknown): void;
  /** The same structure; a property that is undefined is as good as none. */
  toEqual(expected: unknown): void;
  /** As `toEqual`, for the properties that `expected` has. */
  toMatchObject(expected: object): void;
  toBeNull(): void;
  toBeUndefined(): void;
  toBeGreaterThan(low: number): void;
  toBeInstanceOf(constructor: new (...values: never[]) => unknown): void;
  /** A part of a text, or an element of an array. */
  toContain(part: unknown): void;
  toHaveLength(length: number): void;
  /** The function throws: anything, an error whose message contains the text, or one that matches. */
  toThrow(expected?: unknown): void;
  /** The text between `"` lines, indented as the code is. */
  toMatchInlineSnapshot(text: string): void;
}

export interface Expect {
  (value: unknown, message?: string): Matchers;
  /** Within `toEqual` and others: an object that has at least these properties. */
  objectContaining(properties: object): unknown;
  /** Within `toEqual` and others: a text that has this part. */
  stringContaining(part: string): unknown;
}

type Body = () => void;

export interface Test {
  (name: string, body: Body): void;
  /** One test a case; `%s`, `%j` in the name stand for its parts. */
  for<T>(cases: readonly T[]): (name: string, body: (one: T) => void) => void;
  /** As `for`; the parts of a case that is an array are the arguments. */
  each<T extends readonly [unknown, ...unknown[]]>(
    cases: readonly T[],
  ): (name: string, body: (...parts: [...T]) => void) => void;
  each<T>(cases: readonly T[]): (name: string, body: (one: T) => void) => void;
}

export const expect: Expect = vitest.expect;
export const test: Test = vitest.test;
export const describe: (name: string, body: Body) => void = vitest.describe;
export const beforeEach: (body: Body) => void = vitest.beforeEach;
export const afterEach: (body: Body) => void = vitest.afterEach;
/** The system calls of the engine that the tests run in. */
export const sys: Syscalls = loadSyscalls();

/** SHA-256 of the parts one after the other; texts as UTF-8. */
export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = sys.sha256();
  for (const part of parts) hash.update(typeof part === 'string' ? utf8Bytes(part) : part);
  return hash.digest();
}
