import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareEvr, compareVersions, formatEvr, parseEvr } from '#layering/evr.ts';

test.each([
  ['1.0', '1.0', 0],
  ['1.0', '2.0', -1],
  ['1.10', '1.9', 1],
  ['1.0~rc1', '1.0', -1],
  ['1.0~rc1', '1.0~rc2', -1],
  ['1.0^', '1.0', 1],
  ['1.0^git1', '1.0.1', -1],
  ['1.0^git1~pre', '1.0^git1', -1],
  ['1.0~rc1^git1', '1.0~rc1', 1],
  ['fc4', 'fc.4', 0],
  ['10b2', '10a1', 1],
  ['1.0010', '1.9', 1],
  ['1.05', '1.5', 0],
  ['a', '1', -1],
  ['', '1', -1],
])('%s against %s', (a, b, expected) => {
  expect(Math.sign(compareVersions(a, b))).toBe(expected);
  expect(Math.sign(compareVersions(b, a))).toBe(expected === 0 ? 0 : -expected);
});

test('an epoch outweighs the version, a missing release matches any', () => {
  expect(compareEvr(parseEvr('1:1.0-1'), parseEvr('2.0-1'))).toBeGreaterThan(0);
  expect(compareEvr(parseEvr('1.0'), parseEvr('1.0-7'))).toBe(0);
  expect(formatEvr(parseEvr('0:1.0-1.fc40'))).toBe('1.0-1.fc40');
  expect(formatEvr(parseEvr('3:1.0-rc-1.fc40'))).toBe('3:1.0-rc-1.fc40');
});

const version = fc
  .array(fc.constantFrom('0', '1', '9', '10', '007', 'a', 'Z', 'rc', '.', '_', '~', '^', '+'), {
    minLength: 1,
    maxLength: 7,
  })
  .map((parts) => parts.join(''));

test('every pair is ordered as rpm orders it', () => {
  const pairs = fc.sample(fc.tuple(version, version), 4000);
  const calls = pairs.map(([a, b]) => `r[#r+1] = rpm.vercmp(${luaString(a)}, ${luaString(b)})`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-evr-'));
  try {
    const script = path.join(directory, 'compare.lua');
    fs.writeFileSync(script, `r = {}\n${calls.join('\n')}\nprint(table.concat(r, '\\n'))`);
    const printed = execFileSync('rpm', ['--eval', `%{lua: dofile(${luaString(script)})}`], {
      encoding: 'utf8',
    });
    const expected = printed.trim().split('\n').map(Number);
    const ours = pairs.map(([a, b]) => Math.sign(compareVersions(a, b)));
    expect(pairs.map(([a, b], i) => `${a} ? ${b} ${ours[i]}`)).toEqual(
      pairs.map(([a, b], i) => `${a} ? ${b} ${expected[i]}`),
    );
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});

function luaString(text: string): string {
  return `"${text}"`;
}
