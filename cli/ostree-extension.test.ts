import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findExtension } from '#cli/ostree-extension.ts';
import { loadSyscalls } from '#native/load.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ostree-extension-'));
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});
const program = path.join(folder, 'ostree-hello');
fs.writeFileSync(program, '#!/bin/sh\necho "$THERE:" "$@"\n', { mode: 0o755 });
fs.writeFileSync(path.join(folder, 'ostree-text'), '', { mode: 0o644 });

test.each([
  [['hello', '--x', 'y'], { program, words: ['--x', 'y'] }],
  [['--repo', 'r', '-v', 'hello'], { program, words: [] }],
  [['text'], null],
  [['nothing'], null],
  [['show', 'hello'], null],
  [['../hello'], null],
  [['--version'], null],
])('%j', (argv, found) => {
  const context = { sys: loadSyscalls(), env: { PATH: `/nonexistent:${folder}` } };
  expect(findExtension(context, argv, ['show'])).toEqual(found);
});

test('the program is run with its words and the environment', () => {
  const main = path.resolve('cli/bin/ostree');
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, THERE: 'here' };
  const { stdout, status } = spawnSync(process.execPath, [main, 'hello', '--a', 'b'], {
    env,
    encoding: 'utf8',
  });
  expect([stdout, status]).toEqual(['here: --a b\n', 0]);
});
