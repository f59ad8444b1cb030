import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');

test('docs/errors.md lists exactly the error codes of the code', () => {
  const used = new Set(sourceFiles().flatMap(codesIn));
  const listed = fs
    .readFileSync(path.join(root, 'docs/errors.md'), 'utf8')
    .split('\n')
    .flatMap((line) => /^\| `([A-Z0-9_]+)`\s*\|/.exec(line)?.[1] ?? []);
  expect(listed).toEqual([...used].sort());
});

function codesIn(file: string): string[] {
  const text = fs.readFileSync(file, 'utf8');
  return [...text.matchAll(/new UserError\(\s*'([A-Z0-9_]+)'/g)].map(([, code]) => code ?? '');
}

function sourceFiles(): string[] {
  return ['ostree', 'bootloader', 'board', 'prepare-root', 'layering', 'native', 'cli'].flatMap((folder) =>
    (fs.readdirSync(path.join(root, folder), { recursive: true }) as string[])
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('vendor'))
      .map((file) => path.join(root, folder, file)),
  );
}
