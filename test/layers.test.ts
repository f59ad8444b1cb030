import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** What each folder may import besides itself: the arrows of docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'ostree/format': [],
  native: [],
  'ostree/repo': ['ostree/format', 'native'],
  'ostree/sysroot': ['ostree/format', 'ostree/repo', 'native'],
  bootloader: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'native'],
  board: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'bootloader', 'native'],
  'prepare-root': ['ostree/format', 'native'],
  layering: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'bootloader', 'native'],
  cli: ['ostree/format', 'ostree/repo', 'ostree/sysroot', 'bootloader', 'prepare-root', 'layering', 'native'],
};
const WITHOUT_NODE = ['ostree/format', 'ostree/sysroot', 'bootloader', 'board', 'prepare-root'];
const root = path.join(import.meta.dirname, '..');

const sources = Object.keys(MAY_IMPORT).flatMap((folder) =>
  (fs.readdirSync(path.join(root, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => ({ folder, file: path.join(folder, file) })),
);

test('there are sources to look at', () => {
  expect(sources.length).toBeGreaterThan(50);
});

test.each(sources)('$file imports only what its layer may', ({ folder, file }) => {
  const imported = importsOf(file);
  const foreign = imported
    .filter((name) => name.startsWith('#'))
    .map((name) => layerOf(name.slice(1)))
    .filter((layer) => layer !== folder && !(MAY_IMPORT[folder] ?? []).includes(layer));
  expect(foreign).toEqual([]);
  if (WITHOUT_NODE.includes(folder)) expect(imported.filter((name) => !name.startsWith('#'))).toEqual([]);
});

function importsOf(file: string): string[] {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\() ?'([^']+)'/g)].map(([, name]) => name ?? '');
}

function layerOf(name: string): string {
  return Object.keys(MAY_IMPORT).find((folder) => name.startsWith(`${folder}/`)) ?? name;
}
