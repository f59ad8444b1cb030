/** Takes the place of `test/both-engines.ts` inside the compact engine: collects the tests, runs them, counts. */
import { shown } from '#test/engine/shown.ts';
import { expect } from '#test/engine/expect.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import type { Syscalls } from '#native/syscalls.ts';
import type { Test } from '#test/both-engines.ts';

export { expect };

/** The system calls, once the tests run. */
export let sys: Syscalls;

type Body = () => void;
interface Suite {
  readonly names: readonly string[];
  readonly before: readonly Body[];
  readonly after: readonly Body[];
}
interface Collected {
  readonly suite: Suite;
  readonly name: string;
  readonly body: Body;
}

const MOST_SHOWN = 10;
let current: Suite = { names: [], before: [], after: [] };
const collected: Collected[] = [];

function collect(name: string, body: Body): void {
  collected.push({ suite: current, name, body });
}

export const test: Test = Object.assign(collect, {
  for<T>(cases: readonly T[]) {
    return (name: string, body: (one: T) => void) =>
      cases.forEach((one) => collect(named(name, one), () => body(one)));
  },
  each<T>(cases: readonly T[]) {
    return (name: string, body: (...parts: never[]) => void) =>
      cases.forEach((one) =>
        collect(named(name, one), () => body(...((Array.isArray(one) ? one : [one]) as never[]))),
      );
  },
});

export function describe(name: string, body: Body): void {
  const outer = current;
  current = { ...outer, names: [...outer.names, name] };
  body();
  current = outer;
}

/** Of the tests that follow in this `describe`. A file's own hooks would hold for the files after it too. */
export function beforeEach(body: Body): void {
  current = { ...inDescribe(), before: [...current.before, body] };
}

export function afterEach(body: Body): void {
  current = { ...inDescribe(), after: [...current.after, body] };
}

function inDescribe(): Suite {
  if (current.names.length > 0) return current;
  throw new Error('beforeEach and afterEach belong into a describe');
}

export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = sys.sha256();
  for (const part of parts) hash.update(typeof part === 'string' ? utf8Bytes(part) : part);
  return hash.digest();
}

/** Runs what was collected; prints failures and, last, 'N passed, N failed'. @returns the exit code */
export function run(_name: string, _argv: readonly string[], calls: Syscalls): number {
  sys = calls;
  const failures = collected.map(failureOf).filter((failure) => failure !== null);
  for (const failure of failures.slice(0, MOST_SHOWN)) sys.write(1, failure);
  sys.write(1, `${collected.length - failures.length} passed, ${failures.length} failed\n`);
  return failures.length === 0 ? 0 : 1;
}

function failureOf({ suite, name, body }: Collected): string | null {
  try {
    for (const hook of suite.before) hook();
    try {
      body();
    } finally {
      for (const hook of suite.after) hook();
    }
    return null;
  } catch (error) {
    return `FAILED ${[...suite.names, name].join(' > ')}\n${described(error)}\n`;
  }
}

function described(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : shown(error);
}

/** `%s`, `%j` and `%i` are the parts of the case one after the other. */
function named(name: string, one: unknown): string {
  const parts: readonly unknown[] = Array.isArray(one) ? one : [one];
  const [first = '', ...rest] = name.split('%');
  return rest.reduce<string>((text, piece, index) => {
    const part = parts[index];
    return text + (typeof part === 'string' ? part : shown(part)) + piece.slice(1);
  }, first);
}
