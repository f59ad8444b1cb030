import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pathInTree } from '#layering/path-in-tree.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-in-tree-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

fs.mkdirSync(path.join(root, 'etc/keys'), { recursive: true });
fs.writeFileSync(path.join(root, 'etc/passwd'), 'of the tree');
fs.writeFileSync(path.join(root, 'etc/keys/real'), 'key');
const links = {
  'etc/keys/beside': 'real',
  'etc/keys/absolute': '/etc/passwd',
  'etc/keys/climbs': '../../../../../../etc/passwd',
  'etc/keys/ring': 'ring',
  'etc/keys/dangling': '/proc/self/environ',
  keys: '/etc/keys',
};
for (const [name, target] of Object.entries(links)) fs.symlinkSync(target, path.join(root, name));

test.each([
  ['/etc/keys/real', 'etc/keys/real'],
  ['etc/keys/beside', 'etc/keys/real'],
  ['/keys/beside', 'etc/keys/real'],
  ['/etc/keys/absolute', 'etc/passwd'],
  ['/etc/keys/climbs', 'etc/passwd'],
  ['/../../etc/./passwd', 'etc/passwd'],
  ['/etc/keys/ring', null],
  ['/etc/keys/dangling', null],
  ['/etc/none', null],
])('%s', (given, expected) => {
  expect(pathInTree(root, given)).toBe(expected === null ? null : path.join(root, expected));
});
