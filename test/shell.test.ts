/** All shell of the project is POSIX sh, and shellcheck has nothing to say about it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '..');
const FOLDERS = ['dracut-module', 'initramfs', 'initramfs-tools-hook', 'mkinitcpio-hook'];

const scripts = FOLDERS.flatMap((folder) =>
  (fs.readdirSync(path.join(ROOT, folder), { recursive: true }) as string[]).map((name) =>
    path.join(folder, name),
  ),
).filter((file) => fs.statSync(path.join(ROOT, file)).isFile());

const shellcheck = (file: string): string => {
  // Settings that programs read are variables that nothing here uses.
  const flags = file.endsWith('.conf') ? ['--shell=bash', '--exclude=SC2034'] : ['--shell=sh'];
  const done = spawnSync('shellcheck', ['--format=gcc', ...flags, file], { cwd: ROOT, encoding: 'utf8' });
  if (done.error !== undefined) throw done.error;
  return done.stdout;
};

test('there are scripts to look at', () => {
  expect(scripts.length).toBeGreaterThan(7);
});

test.each(scripts)('%s', (file) => {
  expect(shellcheck(file)).toBe('');
});
