import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CliContext } from '#cli/context.ts';
import { debugSolveCase } from '#cli/debug-solve-case.ts';

const root = path.join(import.meta.dirname, '../..');
const corpus = path.join(root, '../shared/corpus/solver');
const own = casesIn(path.join(root, 'test/solver'));
const upstream = casesIn(path.join(corpus, 'libsolv-0.7.23'));

describe('libsolv test cases, line for line as testsolv', () => {
  test('there are own cases', () => expect(own.length).toBeGreaterThan(2));

  test.each(own)('%s', (file) => {
    expect(ours(file)).toEqual({ output: expect.any(String) as string, errors: '', exitCode: 0 });
    expect(ours(file)).toEqual(theirs(file));
  });

  test('a case that fails prints the difference', () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-case-'));
    const file = path.join(directory, 'wrong.t');
    const right = fs.readFileSync(path.join(root, 'test/solver/weak.t'), 'utf8');
    fs.writeFileSync(file, right.replace('#>install docs-1-1.noarch@available\n', ''));
    expect(ours(file)).toEqual(theirs(file));
    fs.rmSync(directory, { recursive: true });
  });

  test('a case without a result prints the transaction or the problems', () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-case-'));
    for (const name of ['weak.t', 'locked-base.t']) {
      const lines = fs.readFileSync(path.join(root, 'test/solver', name), 'utf8').split('\n');
      const kept = lines.filter((line) => !/^(result|#>(install|problem)) /.test(line));
      fs.writeFileSync(path.join(directory, name), kept.join('\n'));
      expect(ours(path.join(directory, name))).toEqual(theirs(path.join(directory, name)));
    }
    fs.rmSync(directory, { recursive: true });
  });

  test('a file that is no case', () => {
    const file = path.join(root, 'package.json');
    expect(ours(file)).toEqual(theirs(file));
  });

  test('a case that names a missing repository does not crash', () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-case-'));
    const file = path.join(directory, 'missing.t');
    fs.writeFileSync(
      file,
      'repo system 0 testtags nowhere.repo\nsystem x86_64 rpm system\njob install name a\n',
    );
    expect(ours(file)).toEqual(theirs(file));
    fs.rmSync(directory, { recursive: true });
  });
});

describe.runIf(fs.existsSync(corpus))("the corpus' cases", () => {
  test('libsolv 0.7.23: all agree with testsolv', () => {
    expect(upstream).toHaveLength(95);
    const different = upstream.filter((file) => JSON.stringify(ours(file)) !== JSON.stringify(theirs(file)));
    expect(different).toEqual([]);
    expect(upstream.filter((file) => ours(file).exitCode !== 0)).toEqual([]);
  });

  test('gnome-shell on 63,440 packages', () => {
    const file = path.join(corpus, 'gnome-shell-debian/testcase.t');
    expect(ours(file)).toEqual(theirs(file));
  });
});

interface Outcome {
  readonly output: string;
  readonly errors: string;
  readonly exitCode: number;
}

function ours(file: string): Outcome {
  let output = '';
  let errors = '';
  const context = {
    out: (text: string) => (output += text),
    err: (text: string) => (errors += text),
  } as unknown as CliContext;
  const exitCode = debugSolveCase([file], context);
  return { output, errors, exitCode };
}

function theirs(file: string): Outcome {
  const { stdout, stderr, status, error } = spawnSync('testsolv', [file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error !== undefined)
    throw new Error(`testsolv cannot be started (package libsolv-tools): ${error.message}`);
  return { output: stdout, errors: stderr, exitCode: status ?? -1 };
}

function casesIn(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  const names = fs.readdirSync(directory, { recursive: true }) as string[];
  return names
    .filter((name) => name.endsWith('.t'))
    .sort()
    .map((name) => path.join(directory, name));
}
